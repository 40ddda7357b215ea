# ulfprep as a BIDS-App: docker run --rm -v BIDS:/data:ro -v OUT:/out ulfprep /data /out participant
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/ulfprep
ENV PATH=/opt/ulfprep/bin:$PATH PIP_NO_CACHE_DIR=1
# CPU torch. For a GPU build pass --build-arg TORCH=<requirement of a CUDA build>.
ARG TORCH=torch==2.13.0
RUN pip install "$TORCH"
COPY pyproject.toml README.md LICENSE ./
COPY ulfprep ./ulfprep
RUN pip install .

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="ulfprep" \
      org.opencontainers.image.description="Physics-based enhancement of ultra-low-field MRI (BIDS-App)" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/ulfprep /opt/ulfprep
# No user's own packages, no telemetry, no bytecode: the root file system may be read-only.
ENV PATH=/opt/ulfprep/bin:$PATH PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 NO_ET=1
WORKDIR /tmp
ENTRYPOINT ["/opt/ulfprep/bin/ulfprep"]
CMD ["--help"]
