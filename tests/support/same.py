"""What of a derivative has to be the same whenever and wherever it is made."""


def lasting(path) -> bytes:
    """Return a file's content; of a page without the lines of what the scans took."""
    content = path.read_bytes()
    if path.suffix != '.html':
        return content
    return b''.join(line for line in content.splitlines(True) if b'class="cost"' not in line)
