from ulfprep.reports.methods import FRAMEWORK, bibliography, cite
from ulfprep.workflows import methods


def test_every_citation_of_the_built_in_texts_is_in_the_bibliography():
    known, numbers = bibliography(), {}
    texts = [text for name, text in vars(methods).items() if name.isupper()]
    own = [text for text in texts if isinstance(text, str)] + [*methods.NETWORKS.values()]
    html = cite('\n\n'.join([FRAMEWORK, *own]), known, numbers)
    assert 'not in the bibliography' not in html
    # Only logs/CITATION.bib, which is the whole file, names the sources of relaxation times.
    assert {*known} - {*numbers} == {'bottomley', 'marques', 'rooney'}
    assert list(numbers.values()) == list(range(1, len(numbers) + 1))


def test_entries_read_like_references():
    known = bibliography()
    assert known['n4'].text == (
        'Tustison NJ, Avants BB, et al. (2010). N4ITK: Improved N3 Bias Correction. '
        'IEEE Transactions on Medical Imaging 29:1310\u20131320.'
    )
    assert '2511.14897' in known['hulfsynth'].text
    assert all(entry.url.startswith('https://') for entry in known.values())
    assert not any('{' in entry.text for entry in known.values())


def test_text_is_escaped_and_only_our_markup_is_markup():
    numbers = {}
    html = cite('<b>bold</b> *em* [@n4; @n4]\n\n[@nobody] x', bibliography(), numbers)
    assert '&lt;b&gt;bold&lt;/b&gt; <em>em</em>' in html
    assert html.count('<p>') == 2
    assert html.count('href="#ref-n4">1</a>') == 2
    assert 'nobody: not in the bibliography' in html
