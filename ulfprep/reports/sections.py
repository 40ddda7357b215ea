"""Which figures stand in which section of a report."""

#: Sections of a scan and the figures they hold, in the order of the page.
SECTIONS = {
    'enhance': (
        ('Enhanced against the scan', ('enhancement', 'segmentation')),
        ('Where not to believe it', ('residual', 'uncertainty', 'claim', 'entropy')),
        ('Intensities', ('histogram',)),
        ('Tissues', ('bias', 'tissues', 'disagreement', 'tissuechange')),
        ('Fit', ('prediction', 'loss')),
    ),
    'simulate': (
        ('Simulation', ('simulated', 'simcheck', 'histogram')),
        ('Tissues', ('bias', 'tissues', 'disagreement')),
    ),
}
#: Figures that are not for the report of a participant.
ELSEWHERE = ('thumbnail',)
