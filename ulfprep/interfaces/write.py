"""Derivatives and figures: the last node of a scan, which writes into the output folder."""

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
from ulfprep.interfaces.volumes import if_given, read_plan
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


class _WriteInputSpec(BaseInterfaceInputSpec):
    task = traits.Any(mandatory=True, desc='bids.task.Task')
    settings = traits.Any(mandatory=True, desc='settings.Settings')
    conformed = File(exists=True, mandatory=True)
    preproc = File(exists=True)
    bias_field = File(exists=True)
    brain_mask = File(exists=True)
    dseg = File(exists=True)
    probsegs = traits.List(File(exists=True), desc='CSF, GM, WM on the scan grid')
    disagreement = File(exists=True, desc='of scan and network, where that was asked')
    enhanced = File(exists=True)
    fine_dseg = File(exists=True)
    fine_probsegs = traits.List(File(exists=True), desc='CSF, GM, WM on the fine grid')
    uncertainty = File(exists=True)
    entropy = File(exists=True)
    claim = File(exists=True)
    kept = traits.Dict(desc='files to keep instead of those drawn; RenderKept')
    bicubic = File(exists=True)
    residual = File(exists=True)
    tissue_change = File(exists=True)
    tissue_move = File(exists=True)
    simulated = File(exists=True)
    simulated_files = traits.List(File(exists=True), desc='one a realisation')
    facts = traits.Any(desc='SimulationRecord')
    plan_file = File(exists=True, mandatory=True)
    metrics_file = File(exists=True, mandatory=True)
    history_file = File(exists=True)
    registration_files = traits.List(File(exists=True), desc='of scans it was fitted with')
    segmentation = traits.Dict(mandatory=True)
    stripped = traits.Bool(False, usedefault=True)
    given_bias = traits.Bool(True, usedefault=True, desc='whether a given bias field was used')
    notes = traits.List(traits.Any, desc='Note, of the preparation')
    shared_notes = traits.List(traits.Any, desc='Note, of an image that several scans share')
    methods = traits.Str('', usedefault=True)


class _WriteOutputSpec(TraitedSpec):
    qc_file = File(exists=True, desc='the QC file, written after all derivatives')
    figures = traits.List(File(exists=True))


#: Inputs that are images to draw, as :func:`ulfprep.reports.drawing.figures.plot_scan` has them.
DRAWN = (
    'preproc', 'bias_field', 'brain_mask', 'dseg', 'disagreement', 'enhanced', 'fine_dseg',
    'uncertainty', 'entropy', 'claim', 'bicubic', 'residual', 'tissue_change', 'tissue_move',
    'simulated',
)  # fmt: skip


class WriteScan(SimpleInterface):
    """Write images, sidecars, QC file and figures of a scan, each atomically.

    It runs every time: Nipype's memory of earlier runs knows nothing of what became of the
    output folder since.
    """

    input_spec = _WriteInputSpec
    output_spec = _WriteOutputSpec
    _always_run = True

    def _run_interface(self, runtime):
        record, qc_file = self._write_derivatives()
        self._results |= {'qc_file': str(qc_file), 'figures': []}
        # Those that could be drawn are shown even where another could not.
        self._draw(record, Path(runtime.cwd, 'figures'), self._results['figures'])
        return runtime

    def _write_derivatives(self):
        """Write images, sidecars and at the end the QC file; return its record and path."""
        from ulfprep.bids.names import sidecar_of
        from ulfprep.bids.write.derivatives import (
            QC,
            derivatives_of,
            path_of,
            remove_rendered,
            remove_simulated,
            remove_unshared,
        )
        from ulfprep.bids.write.provenance import provenance
        from ulfprep.bids.write.sidecars import fusion_record, precomputed_record, sidecar
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
        remove_simulated(task, out)
        remove_unshared(task, out)
        if task.direction == 'enhance':
            remove_rendered(task, out)
        registrations = [read_json(path) for path in if_given(inputs.registration_files, ())]
        weights = self._weights(task)
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
        notes = inputs.shared_notes or [*task.notes, *inputs.notes, *inputs.task.given.notes]
        record = ScanRecord(
            entities={**task.scan.entities, 'session': task.scan.session},
            modality=task.scan.suffix,
            source=task.scan.source,
            direction=task.direction,
            verdict=judge(measured['metrics'], task.direction, warned([*notes, *plan.notes])),
            metrics=measured['metrics'],
            null_reasons=measured['null_reasons'],
            # What a high-field image is warned of is no fault of the scan.
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
        return record, qc_file

    def _files(self) -> dict[str, str]:
        """Return the images given, by the key of their derivative."""
        inputs = self.inputs
        given = inputs.get_traitsfree() | if_given(inputs.kept, {})
        files = {key: given[key] for key in IMAGES if key in given}
        for prefix in ('', 'fine_'):
            if paths := given.get(f'{prefix}probsegs'):
                for tissue, path in zip(TISSUES, paths, strict=True):
                    files[f'{prefix}probseg_{tissue.lower()}'] = path
        return files | dict(
            zip(self._realisations(), given.get('simulated_files', ()), strict=True)
        )

    def _weights(self, task) -> tuple[str, str]:
        """Return the digests of the network's weights behind the tissues of scan and field."""
        from ulfprep.bids.write.derivatives import asks_network
        from ulfprep.interfaces.segment import learned_from
        from ulfprep.record import WEIGHTS

        own = dict(self.inputs.segmentation).get(WEIGHTS, '')
        others = task.fusion.members if task.is_fused else ()
        shared = any(asks_network(other.given, self.inputs.settings) for other in others)
        return own, own or (learned_from()[WEIGHTS] if shared else '')

    def _facts(self):
        """Return how scans were simulated; a head that came without skull has none to keep."""
        facts = if_given(self.inputs.facts)
        if facts is None:
            return None
        return dataclasses.replace(facts, keep_head=facts.keep_head and not self.inputs.stripped)

    def _realisations(self) -> list[str]:
        """Return the keys of the simulated scans."""
        from ulfprep.bids.write.derivatives import simulated

        return [d.key for d in simulated(len(if_given(self.inputs.simulated_files, ())))]

    def _simulated_sidecars(self, plan) -> dict[str, dict]:
        """Return what the sidecars of simulated scans state of their acquisition, by key."""
        from ulfprep.bids.write.simulated import simulated_sidecar

        source = self.inputs.task.scan.source
        return {
            key: simulated_sidecar(plan, self._facts(), realisation=number, source=source)
            for number, key in enumerate(self._realisations(), 1)
        }

    def _draw(self, record, folder: Path, figures: list[str]) -> None:
        """Draw into a folder of this node, and put what was drawn beside the derivatives."""
        from ulfprep.bids.write.figures import OF_NETWORK, figure_path, figures_of
        from ulfprep.reports.drawing.figures import plot_scan

        task, out = self.inputs.task, self.inputs.settings.output_dir
        wanted = figures_of(task.direction, task.role, record.used_network)
        for name in set(OF_NETWORK).difference(wanted):  # of an earlier run with other tissues
            (out / figure_path(task.scan, name)).unlink(missing_ok=True)
        given = self.inputs.get_traitsfree()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            plot_scan(
                folder / 'figure',
                direction=task.direction,
                scan=self.inputs.conformed,
                plan=record.contrast,
                fit=record.fit,
                metrics=record.metrics,
                facts=record.simulation,
                only=wanted,
                **{name: given[name] for name in DRAWN if name in given},
            )
        finally:
            for source in sorted(folder.glob('figure_desc-*.svg')):
                name = source.stem.removeprefix('figure_desc-')
                if name not in wanted:
                    continue
                target = out / figure_path(task.scan, name)
                write_bytes(target, source.read_bytes())
                figures.append(os.path.abspath(target))
