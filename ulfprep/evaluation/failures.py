"""What can keep a method from a result; both are results of a benchmark."""


class NotInstalled(Exception):
    """The package or program that the method needs is not there; says which, or how to get it."""


class MethodFailed(Exception):
    """The method ran and gave nothing; says why in one line."""
