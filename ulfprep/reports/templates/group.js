// Sorting and filtering of the table, and names of dots; without it the page shows all the same.
(() => {
  'use strict';
  const table = document.getElementById('all');
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  for (const element of document.querySelectorAll('.with-script')) element.hidden = false;

  const names = new Intl.Collator(undefined, {numeric: true});
  const key = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    const text = cell.textContent.trim();
    if (text === '' || text === 'n/a' || cell.colSpan > 1) return null;
    const value = Number(cell.dataset.v ?? text);
    return Number.isNaN(value) ? text : value;
  };
  const compare = (a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : names.compare(a, b);
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const keyed = rows.map((row) => [key(row, column), row]);
      // What has no value stands last, whichever way is up.
      keyed.sort(([a], [b]) => (a === null) - (b === null)
        || (a === null ? 0 : (down ? -1 : 1) * compare(a, b)));
      body.append(...keyed.map(([, row]) => row));
    });
  });

  const filter = document.getElementById('filter');
  const shown = document.getElementById('shown');
  const width = heads.findIndex((head) => head.textContent.trim() === 'Outliers');
  const words = rows.map((row) =>
    [...row.cells].slice(0, width).map((cell) => cell.textContent).join(' ').toLowerCase());
  filter.addEventListener('input', () => {
    const wanted = filter.value.trim().toLowerCase();
    let count = 0;
    rows.forEach((row, i) => {
      row.hidden = !words[i].includes(wanted);
      count += !row.hidden;
    });
    shown.textContent = wanted ? `${count} of ${rows.length}` : '';
  });

  // The dot nearest to the pointer is named under its plot; a click leads to its report.
  const places = new WeakMap();
  const dots = (svg) => {
    if (!places.has(svg)) {
      const path = svg.querySelector('.dots');
      const numbers = path ? path.dataset.rows.split(' ') : [];
      const drawn = path ? path.getAttribute('d').matchAll(/M([\d.]+) ([\d.]+)/g) : [];
      const found = [...drawn].map((m, i) => ({x: +m[1], y: +m[2], row: numbers[i]}));
      for (const link of svg.querySelectorAll('a[data-row] circle'))
        found.push({x: +link.getAttribute('cx'), y: +link.getAttribute('cy'),
          row: link.parentNode.dataset.row});
      places.set(svg, found);
    }
    return places.get(svg);
  };
  const nearest = (svg, event) => {
    const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = null, least = 14 * 14;
    for (const dot of dots(svg)) {
      const off = (dot.x - x) ** 2 + (dot.y - y) ** 2;
      if (off < least) [best, least] = [dot, off];
    }
    return best;
  };
  const columns = new Map(heads.map((head, column) => [head.textContent.trim(), column]));
  const clear = (svg) => {
    svg.querySelector('.here')?.remove();
    svg.style.cursor = '';
    const axis = svg.parentNode.querySelector('.axis');
    if (axis.dataset.was) axis.children[1].textContent = axis.dataset.was;
    axis.classList.remove('told');
  };
  for (const svg of document.querySelectorAll('svg.spread')) {
    const metric = svg.parentNode, name = metric.querySelector('code').textContent;
    svg.addEventListener('pointermove', (event) => {
      clear(svg);
      const dot = nearest(svg, event);
      if (!dot) return;
      const row = document.getElementById(`row${dot.row}`);
      const axis = metric.querySelector('.axis');
      axis.dataset.was ||= axis.children[1].textContent;
      const value = row.cells[columns.get(name)].textContent;
      axis.children[1].textContent = `${row.cells[0].textContent}: ${value}`;
      axis.classList.add('told');
      const ring = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
      for (const [what, is] of Object.entries({class: 'here', cx: dot.x, cy: dot.y, r: 6}))
        ring.setAttribute(what, is);
      svg.append(ring);
      svg.style.cursor = 'pointer';
    });
    svg.addEventListener('pointerleave', () => clear(svg));
    svg.addEventListener('click', (event) => {
      if (event.target.closest('a')) return;
      const dot = nearest(svg, event);
      const link = dot && document.getElementById(`row${dot.row}`).querySelector('a');
      if (link) link.click();
    });
  }
})();
