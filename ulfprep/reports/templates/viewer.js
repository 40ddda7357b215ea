(() => {
  'use strict';
  const HEADER = 352;

  // Base64 of a gzip stream to bytes.
  async function unpack(text) {
    const coded = atob(text.trim()), bytes = new Uint8Array(coded.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = coded.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // Undoes ulfprep.reports.embed.surprises, in place.
  function restore(file) {
    const view = new DataView(file.buffer);
    const nx = view.getInt16(42, true), ny = view.getInt16(44, true), nz = view.getInt16(46, true);
    const codes = file.subarray(HEADER), row = nx, slice = nx * ny;
    for (let z = 0, n = 0; z < nz; z++) for (let y = 0; y < ny; y++) for (let x = 0; x < nx; x++, n++) {
      const a = x ? codes[n - 1] : 0, b = y ? codes[n - row] : 0, c = z ? codes[n - slice] : 0;
      const ab = x && y ? codes[n - 1 - row] : 0, ac = x && z ? codes[n - 1 - slice] : 0;
      const bc = y && z ? codes[n - row - slice] : 0;
      codes[n] += Math.floor((2 * (a + b + c) - ab - ac - bc) / 3);
    }
    return file.buffer;
  }

  let library = null;
  function load() {
    library ??= unpack(document.getElementById('niivue-library').textContent).then((bytes) => {
      const script = document.createElement('script');
      script.textContent = new TextDecoder().decode(bytes);
      document.head.append(script);
      return window.niivue;
    });
    return library;
  }

  function missing() {
    if (typeof DecompressionStream === 'undefined') return 'This browser cannot unpack the volumes';
    const probe = document.createElement('canvas').getContext('webgl2');
    if (!probe) return 'This browser has no WebGL 2, which the viewer needs';
    probe.getExtension('WEBGL_lose_context')?.loseContext();
    return '';
  }

  const channels = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

  // A colour map whose lowest entry, outside the brain, is clear.
  function table(colours) {
    const map = { R: [0], G: [0], B: [0], A: [0], I: [0] };
    colours.forEach((colour, i) => {
      const [r, g, b] = channels(colour);
      map.R.push(r); map.G.push(g); map.B.push(b); map.A.push(255);
      map.I.push(1 + Math.round(254 * i / (colours.length - 1)));
    });
    return map;
  }

  function written(layer, value) {
    if (layer.kind === 'labels') return layer.names[Math.round(value)];
    const hair = layer.step / 4, digits = Math.max(0, Math.ceil(-Math.log10(layer.step) - 1e-9));
    if (layer.kind === 'map' && value < layer.low - hair) return 'none: outside';
    const sign = value > layer.high - hair ? '\u2265 ' : (layer.low && value < layer.low + hair ? '\u2264 ' : '');
    return sign + value.toFixed(digits).replace(/^-(?=[0.]+$)/, '').replace('-', '\u2212');
  }

  const element = (name, textContent = '') => Object.assign(document.createElement(name), { textContent });

  async function open(box, layers) {
    const find = (what) => box.querySelector(what);
    const { Niivue, NVImage, SLICE_TYPE, SHOW_RENDER } = await load();
    find('.desk').hidden = false;
    const canvas = find('canvas');
    const nv = new Niivue({
      backColor: [0, 0, 0, 1], crosshairColor: [0.95, 0.75, 0.2, 0.8], crosshairWidth: 0.7, crosshairWidthUnit: 'mm',
      dragAndDropEnabled: false, isColorbar: false, isNearestInterpolation: true,
      logLevel: 'error', loadingText: '', multiplanarShowRender: SHOW_RENDER.NEVER,
      sliceType: SLICE_TYPE.MULTIPLANAR, multiplanarPadPixels: 4, clipPlaneHotKey: '',
      cycleClipPlaneHotKey: '', viewModeHotKey: '', fontMinPx: 11,
    });
    // Ours come first: the library has other uses for the arrows.
    canvas.addEventListener('keydown', (event) => {
      const move = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, 1, 0],
        ArrowDown: [0, -1, 0], PageUp: [0, 0, 1], PageDown: [0, 0, -1] }[event.key];
      event.stopImmediatePropagation();
      if (!move || !nv.volumes.length) return;
      event.preventDefault();
      nv.moveCrosshairInVox(...move.map((n) => n * (event.shiftKey ? 5 : 1)));
    });
    await nv.attachToCanvas(canvas);
    const images = layers.filter((l) => l.kind === 'image');
    const overlays = layers.filter((l) => l.kind !== 'image');

    const body = find('.values tbody'), shown = {};
    for (const layer of layers) {
      const row = body.insertRow(), name = element('th', layer.name);
      name.scope = 'row';
      const value = row.appendChild(element('td')), steps = Number(layer.step.toPrecision(2));
      row.dataset.key = layer.key;
      row.prepend(name);
      shown[layer.key] = value.appendChild(element('span'));
      if (layer.kind !== 'labels') value.append(element('small', layer.unit || 'arbitrary units'));
      row.append(element('td', layer.voxels + (layer.kind === 'labels' ? '' : `; steps of ${steps}`)));
    }
    nv.onLocationChange = ({ mm }) => {
      const far = (n, up, down) => `${Math.abs(n).toFixed(1)} mm ${n < 0 ? down : up}`;
      find('.place').textContent = [far(mm[0], 'right', 'left'), far(mm[1], 'front', 'back'),
        far(mm[2], 'up', 'down')].join(', ') + ' of the scanner\u2019s origin';
      volumes.forEach((volume, i) => {
        const value = volume.getValue(...volume.mm2vox(mm));
        const inside = Number.isFinite(value), { key, zero, step } = layers[i];
        shown[key].textContent = inside ? written(layers[i], zero + step * value) : 'none';
      });
    };

    const volumes = [];
    for (const layer of layers) {
      const file = await unpack(layer.data);
      const buffer = layer.foretold ? restore(file) : file.buffer;
      const volume = await NVImage.loadFromUrl({ url: `${layer.key}.nii`, buffer, name: layer.key });
      volume.name = layer.key;
      if (layer.kind === 'labels') {
        const colours = layer.colours.map(channels);
        volume.setColormapLabel({ R: colours.map((c) => c[0]), G: colours.map((c) => c[1]),
          B: colours.map((c) => c[2]), A: colours.map((_, i) => (i ? 255 : 0)),
          I: colours.map((_, i) => i), labels: layer.names });
      } else if (layer.kind === 'map') {
        nv.addColormap(`ulfprep-${layer.key}`, table(layer.colours));
        volume.colormap = `ulfprep-${layer.key}`;
      }
      volumes.push(volume);
    }

    const bases = find('.bases'), select = find('.overlay'), opacity = find('.opacity');
    images.forEach((layer, i) => {
      const label = element('label'), radio = element('input');
      Object.assign(radio, { type: 'radio', name: `${box.id}-base`, value: layer.key, checked: !i });
      label.append(radio, ` ${layer.name}`);
      bases.append(label);
    });
    select.append(new Option('nothing', ''), ...overlays.map((l) => new Option(l.name.toLowerCase(), l.key)));
    const update = () => {
      const base = bases.querySelector(':checked').value;
      // The first image gives the grid of the planes; only what is seen is drawn.
      const over = volumes.filter((volume, i) => i && [base, select.value].includes(volume.name));
      for (const volume of over) volume.opacity = volume.name === base ? 1 : opacity.value / 100;
      nv.volumes = [volumes[0], ...over];
      nv.overlays = over;
      nv.updateGLVolume();
      const layer = overlays.find((l) => l.key === select.value), scale = find('.scale');
      scale.hidden = !layer;
      if (!layer) return;
      const bar = find('.scale i'), labels = layer.kind === 'labels';
      bar.hidden = labels;
      bar.style.background = `linear-gradient(to right, ${layer.colours.join(', ')})`;
      const end = (value) => Number(value.toPrecision(3)).toString().replace('-', '\u2212');
      for (const side of ['low', 'high']) {
        find(`.scale .${side}`).hidden = labels;
        find(`.scale .${side}`).textContent = end(layer[side]);
      }
      find('.scale .unit').replaceChildren(...(labels ? layer.names.slice(1).flatMap((name, i) => {
        const patch = element('b');
        patch.style.background = layer.colours[i + 1];
        return [patch, `${name} `];
      }) : [layer.unit]));
    };
    nv.addVolume(volumes[0]);
    for (const control of [bases, select, opacity]) control.addEventListener('input', update);
    update();
    nv.createOnLocationChange();
    box.viewer = nv;
    return nv;
  }

  function ready() {
    const why = missing();
    for (const box of document.querySelectorAll('.viewer')) {
      const data = box.querySelector('.volumes');
      if (!data) continue;
      const trouble = box.querySelector('.trouble'), start = box.querySelector('.start');
      const fail = (text) => {
        trouble.textContent = `${text}. The figures of this report show the same without.`;
        trouble.hidden = false;
      };
      if (why) { fail(why); continue; }
      start.hidden = false;
      start.querySelector('button').addEventListener('click', async (event) => {
        event.target.disabled = true;
        start.querySelector('span').textContent = 'Unpacking the volumes \u2026';
        try {
          await open(box, JSON.parse(data.textContent));
          start.hidden = true;
          box.querySelector('canvas').focus({ preventScroll: true });
        } catch (error) {
          box.querySelector('.desk').hidden = true;
          start.hidden = true;
          fail(`The viewer could not be opened (${error.message})`);
        }
      });
    }
  }

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', ready);
  else ready();
})();
