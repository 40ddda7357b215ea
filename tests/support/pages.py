"""What a page refers to, the ids that it has, and its text."""

import re
from html.parser import HTMLParser

#: Text that must never become an element of a page.
HOSTILE = '<script>alert("x")</script>'


class Page(HTMLParser):
    """Collects what a browser would load, follow and show; elements are closed in order."""

    VOID = {'meta', 'img', 'input', 'br', 'link'}

    def __init__(self, html):
        super().__init__()
        self.loads, self.links, self.ids, self.tags, self.alts = [], [], [], [], []
        self.open, self.words = [], []
        self.feed(html)
        assert not self.open, f'unclosed: {self.open}'
        assert len(self.ids) == len(set(self.ids))

    @property
    def text(self):
        """All text, with single spaces."""
        return re.sub(r'\s+', ' ', ' '.join(self.words))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [attrs['id']] if 'id' in attrs else []
        self.links += [attrs['href']] if tag == 'a' else []
        self.alts += [attrs['alt']] if tag == 'img' else []
        self.loads += [v for k, v in attrs.items() if k in ('src', 'srcset', 'data', 'action')]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
