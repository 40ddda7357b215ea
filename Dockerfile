# ulfprep as a BIDS-App:
#   docker build -t ulfprep .
#   docker run --rm -v /path/to/bids:/data:ro -v /path/to/out:/out ulfprep /data /out participant
#
# Build arguments:
#   TORCH_BACKEND=cpu   or a CUDA version as uv names it (cu126, cu130 ...), for `--device cuda`
#   WITH_FSL=1          adds FSL FAST. FSL's licence forbids commercial use: an image that holds it
#                       may not be used commercially (https://fsl.fmrib.ox.ac.uk/fsl/docs/#/license)
#   WITH_VALIDATOR=1    adds the BIDS validator (0.13 GB), so that inputs are validated in the container
#   VERSION, VCS_REF, BUILD_DATE         for the labels
#
# Where downloads are dear: a PyTorch wheel that lies in wheels/ beside this file is taken as it is.
ARG BASE=debian:bookworm-slim
ARG WITH_FSL=0

FROM ${BASE} AS python
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

FROM python AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils ca-certificates python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
ARG UV=0.13.9
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir "uv==$UV" \
    && /opt/uv/bin/uv venv --quiet --python /usr/bin/python3 /opt/ulfprep
ENV PATH=/opt/uv/bin:$PATH VIRTUAL_ENV=/opt/ulfprep UV_NO_CACHE=1 UV_LINK_MODE=copy
COPY requirements.lock /src/
RUN uv pip install --no-deps --require-hashes -r /src/requirements.lock
ARG TORCH=2.13.0
ARG TORCH_BACKEND=cpu
RUN --mount=type=bind,target=/context \
    set -- /context/wheels/torch-*.whl \
    && if [ -e "$1" ]; then uv pip install "$1"; \
       else uv pip install --torch-backend "$TORCH_BACKEND" "torch==$TORCH"; fi
# Without tests, headers and symbol tables. Libraries that were repaired for old systems (SciPy's,
# NumPy's) must not be stripped: their segments would no longer be aligned.
WORKDIR /opt/ulfprep/lib/python3.11/site-packages
RUN rm -rf torch/include torch/test torch/share \
        torch/bin/*test* torch/bin/protoc* torch/lib/*test*.so \
    && for name in matplotlib nibabel nilearn nipype nitransforms networkx pandas prov \
           scipy skimage sklearn sympy traits; do \
           find "$name" -type d -name tests -prune -exec rm -rf {} +; \
       done \
    && find cc3d fill_voids fontTools kiwisolver torch/lib -name '*.so' -size +1M \
           -not -name '*cuda*' -exec strip --strip-unneeded {} +
ARG WITH_VALIDATOR=0
RUN if [ "$WITH_VALIDATOR" != 0 ]; then uv pip install "bids-validator-deno==3.0.2"; fi
COPY pyproject.toml README.md LICENSE /src/
COPY ulfprep /src/ulfprep
RUN uv pip install --no-deps /src
# Bytecode of what a run imports, for nothing can be written then; all of it would be twice as much.
RUN /opt/ulfprep/bin/python -m compileall -q ulfprep \
    && MPLBACKEND=Agg NO_ET=1 TEMPLATEFLOW_HOME=/tmp/templateflow /opt/ulfprep/bin/python -c "\
import bids, matplotlib.pyplot, networkx, nibabel, scipy.ndimage, scipy.optimize, scipy.signal, \
scipy.spatial, scipy.stats, SimpleITK, skimage.feature, skimage.metrics, torch; \
import deepbet.bet, nipype.pipeline.plugins, niworkflows.engine.workflows; \
torch.optim.Adam([torch.zeros(1, requires_grad=True)])"

# FSL FAST alone, from FSL's own conda channel; only looked at where WITH_FSL is 1.
FROM mambaorg/micromamba:2.1.1-debian12-slim AS fsl-1
USER root
ARG FSL_CHANNEL=https://fsl.fmrib.ox.ac.uk/fsldownloads/fslconda/public/
RUN micromamba create --yes --prefix /opt/fsl --channel "$FSL_CHANNEL" --channel conda-forge \
        fsl-fast4=2111.3 \
    && rm -rf /opt/fsl/include /opt/fsl/conda-meta/*.json.bak

FROM python AS fsl-0
RUN mkdir /opt/fsl

FROM fsl-${WITH_FSL} AS fsl

FROM python
COPY --from=fsl /opt/fsl /opt/fsl
COPY --from=build /opt/ulfprep /opt/ulfprep
# A new volume mounted on /out takes over these rights: whoever is given with --user may write.
RUN useradd --uid 1000 --create-home ulfprep && mkdir -p /data /out && chmod 1777 /out
# No user's own packages, no telemetry; the root file system may be read-only.
ENV PATH=/opt/ulfprep/bin:$PATH:/opt/fsl/bin \
    FSLDIR=/opt/fsl FSLOUTPUTTYPE=NIFTI_GZ LANG=C.UTF-8 \
    PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 NO_ET=1 ULFPREP_IN_CONTAINER=1
ARG VERSION=0.1.0
ARG VCS_REF=""
ARG BUILD_DATE=""
LABEL org.opencontainers.image.title="ulfprep" \
      org.opencontainers.image.description="Enhances ultra-low-field brain MRI by physics (BIDS-App); research use only" \
      org.opencontainers.image.licenses="Apache-2.0 AND BSD-2-Clause" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$VCS_REF" \
      org.opencontainers.image.created="$BUILD_DATE"
USER ulfprep
WORKDIR /tmp
ENTRYPOINT ["/opt/ulfprep/bin/ulfprep"]
CMD ["--help"]
