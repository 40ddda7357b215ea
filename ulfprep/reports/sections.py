"""Which figures stand in which section of a report."""

#: Sections of a scan and the figures they hold, in the order of the page.
SECTIONS = {
    'enhance': (
        ('Enhancement', ('enhancement', 'segmentation')),
        ('Tissues', ('bias', 'tissues', 'tissuechange')),
        ('Data consistency', ('residual',)),
        ('Uncertainty', ('uncertainty', 'entropy', 'claim')),
        ('Fit', ('loss',)),
    ),
    'simulate': (
        ('Simulation', ('simulated',)),
        ('Tissues', ('bias', 'tissues')),
    ),
}
