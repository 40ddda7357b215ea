'use strict';
// Everything in the page is there without this script; it adds a slider to pictures of two views
// and buttons that copy the methods text.
for (const figure of document.querySelectorAll('.flick')) {
  const views = figure.querySelector('.views');
  const stage = figure.querySelector('.stage');
  const names = [...views.querySelectorAll('.first + label, .second + label')];
  const [first, second] = names.map((label) => label.textContent);
  const choice = document.createElement('input');
  Object.assign(choice, {type: 'radio', className: 'slide', name: figure.id, id: figure.id + '-slide'});
  const label = document.createElement('label');
  label.htmlFor = choice.id;
  label.textContent = 'Slider';
  views.querySelector('.hint').before(choice, label);

  const range = document.createElement('input');
  Object.assign(range, {type: 'range', className: 'edge', min: 0, max: 100, value: 50});
  range.setAttribute('aria-label', `Edge between ${first} (left) and ${second} (right), percent`);
  const row = document.createElement('div');
  row.className = 'slider';
  const [left, right] = [first, second].map((name) => {
    const span = document.createElement('span');
    span.textContent = name;
    return span;
  });
  row.append(left, range, right);
  figure.querySelector('.frame').after(row);

  const move = () => stage.style.setProperty('--edge', range.value + '%');
  range.addEventListener('input', move);
  choice.addEventListener('change', () => {
    if (stage.children.length > 1) return;
    // The picture holds both views above each other; its copy shows the lower one.
    const over = stage.querySelector('img').cloneNode();
    over.className = 'over';
    over.alt = '';
    stage.append(over);
    move();
  });
  stage.addEventListener('pointermove', (event) => {
    if (!choice.checked) return;
    const box = stage.getBoundingClientRect();
    range.value = (100 * (event.clientX - box.left)) / box.width;
    move();
  });
}
for (const text of document.querySelectorAll('pre.paste')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    const done = () => { button.textContent = 'Copied'; };
    try {
      await navigator.clipboard.writeText(text.textContent);
      done();
    } catch {
      // Where the browser does not let a page write: the text is marked, for Ctrl+C.
      getSelection().selectAllChildren(text);
      button.textContent = 'Marked: press Ctrl+C';
    }
  });
  text.before(button);
}
