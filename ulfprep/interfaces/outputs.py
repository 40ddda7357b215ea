"""Derivatives and figures: the last nodes of a scan, which write into the output folder.

Both run every time: Nipype's memory of earlier runs knows nothing of what became of the
output folder since.
"""

import dataclasses
import os
import shutil
from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from ulfprep.bids.files import read_json, write_bytes, write_json
from ulfprep.interfaces.preprocess import NotesInputSpec, noted
from ulfprep.interfaces.volumes import read_plan
from ulfprep.note import Note
from ulfprep.physics import TISSUES
from ulfprep.typed import read_as

#: Inputs that are derivatives as they come, by their key.
IMAGES = (
    'preproc',
    'brain_mask',
    'dseg',
    'enhanced',
    'fine_dseg',
    'uncertainty',
    'entropy',
    'claim',
    'residual',
)


class _DerivativesInputSpec(NotesInputSpec):
    task = traits.Any(mandatory=True, desc='bids.task.Task')
    settings = traits.Any(mandatory=True, desc='settings.Settings')
    preproc = File(exists=True)
    brain_mask = File(exists=True)
    dseg = File(exists=True)
    probsegs = traits.List(File(exists=True), desc='CSF, GM, WM on the scan grid')
    enhanced = File(exists=True)
    fine_dseg = File(exists=True)
    fine_probsegs = traits.List(File(exists=True), desc='CSF, GM, WM on the fine grid')
    uncertainty = File(exists=True)
    entropy = File(exists=True)
    claim = File(exists=True)
    residual = File(exists=True)
    simulated_files = traits.List(File(exists=True), desc='one a realisation')
    facts = traits.Any(desc='SimulationRecord')
    plan_file = File(exists=True, mandatory=True)
    metrics_file = File(exists=True, mandatory=True)
    history_file = File(exists=True)
    registration_files = traits.List(File(exists=True), desc='of scans it was fitted with')
    segmentation = traits.Dict(mandatory=True)
    stripped = traits.Bool(False, usedefault=True)
    given_bias = traits.Bool(True, usedefault=True, desc='whether a given bias field was used')
    shared_notes = traits.List(traits.Any, desc='Note, of an image that several scans share')
    methods = traits.Str('', usedefault=True)


class _DerivativesOutputSpec(TraitedSpec):
    qc_file = File(exists=True, desc='the QC file, written last')


class WriteDerivatives(SimpleInterface):
    """Write all images, sidecars and at the end the QC file of a scan, each atomically."""

    input_spec = _DerivativesInputSpec
    output_spec = _DerivativesOutputSpec
    _always_run = True

    def _run_interface(self, runtime):
        from ulfprep.bids.names import sidecar_of
        from ulfprep.bids.write.derivatives import (
            QC,
            derivatives_of,
            path_of,
            remove_earlier,
        )
        from ulfprep.bids.write.sidecars import (
            fusion_record,
            precomputed_record,
            provenance,
            sidecar,
        )
        from ulfprep.metrics.verdict import judge, warned
        from ulfprep.record import ScanRecord

        inputs = self.inputs
        task, settings = inputs.task, inputs.settings
        out = settings.output_dir
        made_by = provenance(task, settings)
        if not inputs.given_bias:
            # It was looked at, and is part of the input, but nothing was made from it.
            taken = dataclasses.replace(task.given, corrected=None)
            task = dataclasses.replace(task, given=taken)
        plan = read_plan(inputs.plan_file)
        qc_file = out / path_of(task, QC)
        # While images are being replaced the scan must not count as finished.
        qc_file.unlink(missing_ok=True)
        remove_earlier(task, out)
        registrations, weights = self._registrations(), self._weights(task)
        files = self._files()
        simulated = self._simulated_sidecars(plan)
        for derivative in derivatives_of(task.direction, settings.n_realisations, task.role):
            if derivative is QC:
                continue
            target = out / path_of(task, derivative)
            write_bytes(target, Path(files[derivative.key]).read_bytes())
            content = sidecar(
                derivative, task, made_by, plan, inputs.stripped, registrations, weights
            )
            write_json(sidecar_of(target), content | simulated.get(derivative.key, {}))
        measured = read_json(inputs.metrics_file)
        notes = inputs.shared_notes or [*task.notes, *noted(inputs), *inputs.task.given.notes]
        record = ScanRecord(
            entities={**task.scan.entities, 'session': task.scan.session},
            modality=task.scan.suffix,
            source=task.scan.source,
            direction=task.direction,
            verdict=judge(measured['metrics'], task.direction, warned([*notes, *plan.notes])),
            metrics=measured['metrics'],
            null_reasons=measured['null_reasons'],
            # What a reference is warned of is no fault of the scan.
            notes=(*notes, *(read_as(Note, n) for n in measured.get('notes', [])), *plan.notes),
            contrast=plan,
            segmentation=dict(inputs.segmentation),
            precomputed=precomputed_record(task),
            fit=read_json(inputs.history_file) if isdefined(inputs.history_file) else None,
            simulation=self._facts(),
            reference=measured.get('reference'),
            fusion=fusion_record(task, registrations),
            methods=inputs.methods,
            **made_by,
        )
        write_json(qc_file, record.to_json())
        self._results['qc_file'] = str(qc_file)
        return runtime

    def _files(self) -> dict[str, str]:
        """Return the images given, by the key of their derivative."""
        inputs = self.inputs
        files = {k: getattr(inputs, k) for k in IMAGES if isdefined(getattr(inputs, k))}
        for prefix, paths in (('', inputs.probsegs), ('fine_', inputs.fine_probsegs)):
            if isdefined(paths):
                for tissue, path in zip(TISSUES, paths, strict=True):
                    files[f'{prefix}probseg_{tissue.lower()}'] = path
        return files | dict(zip(self._realisations(), self._simulated(), strict=True))

    def _weights(self, task) -> tuple[str, str]:
        """Return the digests of the network's weights behind the tissues of scan and field."""
        from ulfprep.bids.write.derivatives import asks_network
        from ulfprep.interfaces.tissue import learned_from
        from ulfprep.record import WEIGHTS

        own = dict(self.inputs.segmentation).get(WEIGHTS, '')
        others = task.fusion.members if task.is_fused else ()
        shared = any(asks_network(other.given, self.inputs.settings) for other in others)
        return own, own or (learned_from()[WEIGHTS] if shared else '')

    def _registrations(self) -> list[dict]:
        files = self.inputs.registration_files
        return [read_json(path) for path in files] if isdefined(files) else []

    def _facts(self):
        """Return how scans were simulated; a head that came without skull has none to keep."""
        if not isdefined(self.inputs.facts):
            return None
        facts = self.inputs.facts
        return dataclasses.replace(facts, keep_head=facts.keep_head and not self.inputs.stripped)

    def _simulated(self) -> list[str]:
        files = self.inputs.simulated_files
        return list(files) if isdefined(files) else []

    def _realisations(self) -> list[str]:
        """Return the keys of the simulated scans."""
        from ulfprep.bids.write.derivatives import simulated

        return [d.key for d in simulated(len(self._simulated()))] if self._simulated() else []

    def _simulated_sidecars(self, plan) -> dict[str, dict]:
        """Return what the sidecars of simulated scans state of their acquisition, by key."""
        if not self._simulated():
            return {}
        from ulfprep.bids.write.simulated import simulated_sidecar

        source = self.inputs.task.scan.source
        return {
            key: simulated_sidecar(plan, self._facts(), realisation=number, source=source)
            for number, key in enumerate(self._realisations(), 1)
        }


class _FiguresInputSpec(BaseInterfaceInputSpec):
    output_dir = traits.Str(mandatory=True)
    task = traits.Any(mandatory=True, desc='bids.task.Task')
    qc_file = File(exists=True, mandatory=True)
    conformed = File(exists=True, mandatory=True)
    preproc = File(exists=True)
    bias_field = File(exists=True)
    brain_mask = File(exists=True)
    dseg = File(exists=True)
    disagreement = File(exists=True, desc='of scan and network, where that was asked')
    bicubic = File(exists=True)
    enhanced = File(exists=True)
    fine_dseg = File(exists=True)
    residual = File(exists=True)
    uncertainty = File(exists=True)
    entropy = File(exists=True)
    claim = File(exists=True)
    tissue_change = File(exists=True)
    tissue_move = File(exists=True)
    simulated = File(exists=True)


class _FiguresOutputSpec(TraitedSpec):
    figures = traits.List(File(exists=True))


class WriteFigures(SimpleInterface):
    """Draw a scan's figures; see :func:`ulfprep.reports.drawing.figures.plot_scan`."""

    input_spec = _FiguresInputSpec
    output_spec = _FiguresOutputSpec
    _always_run = True

    #: Inputs that are no images to draw.
    _OTHERS = ('output_dir', 'task', 'qc_file', 'conformed')

    def _run_interface(self, runtime):
        from ulfprep.bids.write.derivatives import OF_NETWORK, figure_path, figures_of
        from ulfprep.bids.write.sidecars import read_record
        from ulfprep.reports.drawing.figures import plot_scan

        inputs, task = self.inputs, self.inputs.task
        record = read_record(inputs.qc_file)
        wanted = figures_of(task.direction, task.role, record.used_network)
        for name in set(OF_NETWORK).difference(wanted):  # of an earlier run with other tissues
            (Path(inputs.output_dir) / figure_path(task.scan, name)).unlink(missing_ok=True)
        given = inputs.get_traitsfree()
        images = {name: path for name, path in given.items() if name not in self._OTHERS}
        drawn = Path(runtime.cwd, 'figures')
        shutil.rmtree(drawn, ignore_errors=True)
        drawn.mkdir()
        try:
            plot_scan(
                drawn / 'figure',
                direction=task.direction,
                scan=inputs.conformed,
                plan=record.contrast,
                fit=record.fit,
                metrics=record.metrics,
                facts=record.simulation,
                only=wanted,
                **images,
            )
        finally:
            # Those that could be drawn are shown even where another could not.
            self._results['figures'] = []
            for source in sorted(drawn.glob('figure_desc-*.svg')):
                name = source.stem.removeprefix('figure_desc-')
                if name not in wanted:
                    continue
                target = Path(inputs.output_dir) / figure_path(task.scan, name)
                write_bytes(target, source.read_bytes())
                self._results['figures'].append(os.path.abspath(target))
        return runtime
