"""Looking at a page as a reader does: the machine's own Chromium, with the network off.

::

    with browser() as chromium, opened(chromium, path, width=400) as look:
        assert look.trouble == []
        assert look.beyond_the_edge() == []
        assert look.violations() == []
"""

import io
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('chrome')
#: On a server of continuous integration a missing browser is a fault, not an excuse.
needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get('CI'), reason='no Chromium on this machine'
)
#: Widths, in pixels, that every page is looked at.
WIDE, NARROW = 1280, 400
#: Chromium chokes on screenshots of more rows than that.
MOST_ROWS = 30_000
#: Elements whose box leaves the window, and that no ancestor scrolls or clips.
BEYOND = """() => {
  const width = document.documentElement.clientWidth, found = [];
  for (const element of document.querySelectorAll('body *')) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || (box.right <= width + 1 && box.left >= -1)) continue;
    if (box.right <= 0) continue;  // what is put off screen for those who do not see
    let up = element.parentElement, held = element.closest('svg') !== null
      && element.tagName !== 'svg';
    for (; up && !held; up = up.parentElement)
      held = up !== document.body && getComputedStyle(up).overflowX !== 'visible';
    if (!held) found.push(`<${element.tagName.toLowerCase()} class="${element.className}"> `
      + `${Math.round(box.left)} to ${Math.round(box.right)} of ${width}: `
      + element.textContent.trim().slice(0, 60));
  }
  if (document.documentElement.scrollWidth > width)
    found.push(`the page is ${document.documentElement.scrollWidth} wide in ${width}`);
  return found;
}"""
LOADED = 'e => e.tagName !== "IMG" || (e.complete && e.naturalWidth > 0)'
#: Texts drawn over each other: shown text whose lines cross by more than a hair.
OVERLAPS = """(selector) => {
  const words = (e) => e.textContent.trim().slice(0, 40);
  const lines = [];
  for (const e of document.querySelectorAll(selector)) {
    if (!e.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    if (e.tagName === 'DETAILS' && !e.open) continue;
    for (const node of e.childNodes) {
      if (node.nodeType !== 3 || !node.textContent.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      lines.push([node, [...range.getClientRects()].filter(b => b.width > 1 && b.height > 1)]);
    }
  }
  const found = [];
  for (let i = 0; i < lines.length; i++) for (let j = i + 1; j < lines.length; j++) {
    const [a, first] = lines[i], [b, second] = lines[j];
    const crossed = first.some(p => second.some(q =>
      Math.min(p.right, q.right) - Math.max(p.left, q.left) > 3
      && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 5));
    if (crossed) found.push(`"${words(a)}" over "${words(b)}"`);
  }
  return [...new Set(found)];
}"""


@dataclass
class Look:
    """A page that is open.

    What goes wrong meanwhile is in ``trouble``: errors and warnings of the console, exceptions,
    and requests that failed or that left the page.
    """

    page: object
    trouble: list[str] = field(default_factory=list)

    def beyond_the_edge(self) -> list[str]:
        """Return what reaches beyond the window's sides without a way to scroll to it."""
        return self.page.evaluate(BEYOND)

    def overlaps(self, selector: str = 'body *') -> list[str]:
        """Return pairs of texts that are drawn over each other."""
        return self.page.evaluate(OVERLAPS, selector)

    def pixels(self, locator=None) -> np.ndarray:
        """Return an element (the whole page without) as shown, shape (rows, columns, 3)."""
        from PIL import Image

        if locator is not None:
            self._make_room(locator)
        shot = self.page.screenshot(full_page=True) if locator is None else locator.screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert('RGB')).astype(float)

    def _make_room(self, locator):
        """Make the window as high as an element: those higher than it can take for ever."""
        box, size = locator.bounding_box(), self.page.viewport_size
        if box and box['height'] + 20 > size['height']:
            height = int(box['height']) + 100
            self.page.set_viewport_size({'width': size['width'], 'height': height})

    def picture_deviations(self, selector: str = 'img') -> dict[str, float]:
        """Return the s.d. of the pixels (0 to 255) of every picture, by its id, alt or number.

        A picture that did not load or has no extent has the deviation 0. What a closed
        ``details`` hides is not shown and not returned.
        """
        found = {}
        for number, image in enumerate(self.page.locator(selector).all()):
            if not image.evaluate('e => e.checkVisibility()'):
                continue
            name = image.evaluate('e => e.closest("[id]")?.id || e.alt || ""')
            loaded = image.evaluate(LOADED)
            box = image.bounding_box() or {'width': 0, 'height': 0}
            seen = loaded and box['width'] > 1 and box['height'] > 1
            found[f'{number} {name}'] = float(self.pixels(image).std()) if seen else 0.0
        return found

    def violations(self) -> list[str]:
        """Return what axe-core calls serious or critical, a line each."""
        from axe_core_python.sync_playwright import Axe

        return [
            f'{rule["id"]} ({rule["impact"]}): {node["target"]} {node["html"][:160]}'
            for rule in Axe().run(self.page)['violations']
            if rule['impact'] in ('serious', 'critical')
            for node in rule['nodes']
        ]

    def keep(self, name: str, folder: Path) -> Path:
        """Save a screenshot of the page (of a very long one, its beginning) and return its path.

        It goes to the folder that ``ULFPREP_TEST_ARTEFACTS`` names, else to ``folder``.
        """
        folder = Path(os.environ.get('ULFPREP_TEST_ARTEFACTS') or folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{name}.png'
        size = self.page.viewport_size
        rows = self.page.evaluate('document.documentElement.scrollHeight')
        if rows > MOST_ROWS:
            self.page.set_viewport_size(size | {'height': MOST_ROWS // 4})
        self.page.screenshot(path=path, full_page=rows <= MOST_ROWS)
        self.page.set_viewport_size(size)
        return path


@contextmanager
def browser(*arguments):
    """Start the machine's Chromium; ``arguments`` go to its command line."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, 'Chromium is needed to look at the page'
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=['--no-sandbox', '--disable-dev-shm-usage', *arguments]
        )
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def opened(chromium, path, width=WIDE, height=900, *, javascript=True, **options):
    """Open an HTML file with the network off, as a :class:`Look`, in a window of some pixels.

    Other ``options`` go to ``new_context``; unless ``reduced_motion`` is given, motion is reduced.
    axe-core is a script: :meth:`Look.violations` needs ``javascript``.
    """
    # Smooth scrolling would be waited for at every picture.
    options.setdefault('reduced_motion', 'reduce')
    context = chromium.new_context(
        viewport={'width': width, 'height': height},
        offline=True,
        java_script_enabled=javascript,
        **options,
    )
    address = Path(path).resolve().as_uri()
    try:
        page = context.new_page()
        look = Look(page)

        def console(message):
            if message.type in ('error', 'warning'):
                look.trouble.append(f'console {message.type}: {message.text}')

        def request(asked):
            if not asked.url.startswith((address, 'data:', 'blob:')):
                look.trouble.append(f'request: {asked.url}')

        page.on('console', console)
        page.on('pageerror', lambda error: look.trouble.append(f'exception: {error}'))
        page.on('request', request)
        page.on('requestfailed', lambda r: look.trouble.append(f'failed: {r.url[:200]}'))
        page.goto(address, wait_until='load')
        yield look
    finally:
        context.close()
