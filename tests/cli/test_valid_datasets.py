"""The BIDS validator finds no error in what goes in and what comes out."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from runs import EXAMPLES, validate

from ulfprep.cli.main import main


class _Page(HTMLParser):
    """Where a page can be jumped to, and where its links lead."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get('id'))
        if tag == 'a' and not attrs['href'].startswith('https://'):
            self.links.append(attrs['href'])


def expect_links(out):
    """Every link of the reports leads to a file, and to a place in it."""
    pages = {path.name: _Page(path) for path in out.glob('*.html')}
    links = [(name, link) for name, page in pages.items() for link in page.links]
    assert links
    for name, link in links:
        file, _, place = unquote(link).partition('#')
        assert (out / (file or name)).is_file(), link
        assert not place or place in pages[file or name].ids, link


def expect_valid(root):
    done = validate(root)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize('root', sorted(EXAMPLES.parent.iterdir()), ids=lambda path: path.name)
def test_the_examples_are_valid(root):
    expect_valid(root)


@pytest.fixture
def run(run, tmp_path, in_process):
    """Return a function that runs both levels and returns the output folder."""

    def both(root, *args) -> Path:
        assert run(root, *args) == 0
        assert main([str(root), str(tmp_path / 'out'), 'group']) == 0
        return tmp_path / 'out'

    return both


STEMS = [
    'sub-01_ses-A', 'sub-01_ses-B', 'sub-01_ses-B_acq-a_ce-c_rec-r_run-01', 'sub-02',
    'sub-0+1_ses-A+B_task-still_acq-a+b',
]  # fmt: skip


@pytest.mark.parametrize(
    ('field', 'args'),
    [(0.064, []), (3.0, ['--n-realisations', '2', '--simulate-as-bids', 'made'])],
    ids=['enhanced', 'simulated twice'],
)
def test_outputs_are_valid(make_dataset, run, tmp_path, monkeypatch, field, args):
    monkeypatch.chdir(tmp_path)
    root = make_dataset(*STEMS, metadata={'MagneticFieldStrength': field})
    expect_valid(root)
    out = run(root, *args)
    expect_valid(out)
    if field > 1:
        expect_valid(tmp_path / 'made')
    expect_links(out)
    # All entities are in every name, and no scan took the name of another.
    for stem in STEMS:
        assert len(list(out.rglob(f'{stem}_desc-qc_T1w.json'))) == 1
        session = '_'.join(p for p in stem.split('_') if p.startswith(('sub-', 'ses-')))
        assert stem in (out / f'{session}.html').read_text()


def test_outputs_of_all_modalities_are_valid_and_reported_in_order(make_dataset, run):
    make_dataset('sub-02_ses-A')
    make_dataset('sub-02_ses-A', suffix='T2w')
    root = make_dataset('sub-02_ses-A', suffix='FLAIR')
    out = run(root, '--modalities', 'T1w', 'T2w', 'FLAIR')
    expect_valid(out)
    report = (out / 'sub-02_ses-A.html').read_text()
    modalities = ('T1w', 'T2w', 'FLAIR')
    order = [report.index(f'sub-02_ses-A_{modality}</small>') for modality in modalities]
    assert order == sorted(order)
    assert all((out / f'group_{modality}.tsv').is_file() for modality in modalities)


def test_fused_outputs_are_valid(make_dataset, run):
    make_dataset('sub-01_ses-A_acq-ax', 'sub-01_ses-A_acq-cor', 'sub-02')
    root = make_dataset('sub-01_ses-A', 'sub-02', suffix='T2w')
    expect_valid(run(root, '--modalities', 'T1w', 'T2w', '--fuse', 'all'))
