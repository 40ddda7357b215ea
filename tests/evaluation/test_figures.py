"""Figures and the page of results, from tables of a few made-up rows."""

import struct

import numpy as np
import pytest

from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.publish import read_slices, write_table

METHODS = ('nearest', 'bicubic', 'voxel-tv', 'ulfprep', 'ulfprep:told')


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """Return a folder as tables and sensitivity leave it, of numbers that were made up."""
    root = tmp_path_factory.mktemp('results')
    rng = np.random.default_rng(0)
    rows, volumes = [], []
    for brain in ('one', 'two', 'three'):
        for k, method in enumerate(METHODS):
            row = {'regime': 'real', 'brain': brain, 'labels_by': 'given', 'seed': 1}
            scores = {
                name: 0.3 + 0.1 * k + 0.01 * rng.random()
                for name in ('contrast', 'edge_f1', 'ssim', 'lpips', 'dice_csf', 'dice_gm')
            }
            scores |= {'dice_wm': 0.7, 'psnr': 20.0 + k, 'contrast_error': 0.2 - 0.03 * k}
            rows.append(row | {'method': method, 'status': 'ok'} | scores)
            ml = {t: 500 + 20 * rng.random() for t in ('csf', 'gm', 'wm')}
            volumes.append(row | {'volume_source': method} | ml)
        for source in ('high field', 'scan', 'labels'):
            ml = {'csf': 500.0, 'gm': 510.0, 'wm': 520.0}
            volumes.append(row | {'volume_source': source} | ml)
    write_table(root, 'tables', rows)
    write_table(root, 'volumes', volumes)
    about = ['- Date: today', '- ulfprep 0, commit abc', '- Machine: this']
    (root / 'tables.md').write_text('\n'.join([*about, '', 'what is made anew', '']))
    studies = [
        {'study': 'noise', 'level': f'{snr}', 'brain': 'one', 'status': 'ok', 'edge_f1': snr / 40,
         'ssim': 0.7, 'contrast': 0.3, 'bicubic_edge_f1': 0.4, 'bicubic_ssim': 0.6,
         'bicubic_contrast': 0.2}
        for snr in (8.0, 14.0)
    ]  # fmt: skip
    write_table(root, 'sensitivity', studies)
    write_table(root, 'variance', [{'study': 'seed', 'brain': 'one', 'images': 2}])
    (root / 'sensitivity.md').write_text('studies, in words\n')
    ball = np.linalg.norm(np.indices((40, 50)) - [[[20]], [[25]]], axis=0) < 15
    for folder, file, names in (
        ('slices', 'real_one', (*METHODS, 'truth')),
        ('maps', 'seed_one', ('sd', 'image')),
    ):
        (root / folder).mkdir()
        parts = {f'{n}|{k}': ball * (0.5 + 0.1 * k) for n in names for k in range(2)}
        np.savez_compressed(root / folder / f'{file}.npz', **parts)
    return root


@pytest.fixture(scope='module')
def page(results, tmp_path_factory):
    """Return the folder of a page, and the README that it was put into."""
    out = tmp_path_factory.mktemp('docs')
    readme = out / 'README.md'
    readme.write_text('Before\n<!-- results -->\nold\n<!-- /results -->\nAfter\n')
    command = ['figures', '--data', str(results), '--out', str(out), '--readme', str(readme)]
    assert main(command) == 0
    return out


def test_every_figure_is_a_png_and_a_pdf_and_is_on_the_page(page):
    text = (page / 'results.md').read_text()
    drawn = sorted(p.stem for p in (page / 'figures').glob('*.png'))
    assert drawn == [
        'scores-real', 'sensitivity', 'slices-real-one', 'variance-one', 'volumes',
    ]  # fmt: skip
    for name in drawn:
        data = (page / 'figures' / f'{name}.png').read_bytes()
        width, height = struct.unpack('>II', data[16:24])
        assert width > 1000, name
        assert height > 250, name
        assert (page / 'figures' / f'{name}.pdf').read_bytes().startswith(b'%PDF')
        assert f'(figures/{name}.png)' in text


def test_the_same_tables_give_the_same_bytes(page, results, tmp_path):
    assert main(['figures', '--data', str(results), '--out', str(tmp_path)]) == 0
    for path in (page / 'figures').glob('*.p*'):
        assert path.read_bytes() == (tmp_path / 'figures' / path.name).read_bytes(), path.name


def test_the_page_says_gains_losses_and_how_it_was_made(page):
    text = (page / 'results.md').read_text()
    assert '**real**: ulfprep is at least as good as every baseline in' in text
    assert 'loses in LPIPS' in text
    assert '- `real`: scans simulated at 1.6 x 1.6 x 5 mm and an SNR of 14, a mild' in text
    assert 'Brains: one, two, three\n' in text
    assert '- ulfprep 0, commit abc' in text
    assert '#### Ulfprep against each baseline' in text
    assert 'what is made anew' not in text
    assert text.count('ulfprep loses in') == 1
    assert 'studies, in words' in text


def test_the_readme_gets_a_short_block_and_keeps_the_rest(page):
    text = (page / 'README.md').read_text()
    assert text.startswith('Before\n<!-- results -->\n')
    assert text.endswith('<!-- /results -->\nAfter\n')
    assert '\nold\n' not in text
    cells = [part.strip() for part in text.split('| **ulfprep** ')[1].split('|')]
    assert cells[1].startswith('0.6')
    assert '- Date: today' in text


def test_without_results_it_says_what_to_run(tmp_path, capsys):
    assert main(['figures', '--data', str(tmp_path), '--out', str(tmp_path)]) == 1
    assert 'run those commands first' in capsys.readouterr().err


def test_slices_come_back_by_method_and_in_their_order(results):
    found = read_slices(results / 'slices' / 'real_one.npz')
    assert list(found) == [*METHODS, 'truth']
    assert [float(part.max()) for part in found['truth']] == [0.5, 0.6]
