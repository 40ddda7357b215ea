"""Training of the tissue network on scans that our own physics makes of label maps.

No image of anybody is read: label maps say where tissues can be, :mod:`ulfprep.physics` says
what a scanner makes of them.
"""
