# The image of every process: serve, relay, sweep, migrate. The same sources and the same SOURCE_DATE_EPOCH give the same
# layers (k8s/README.md). No tini: the process handles SIGTERM itself and has no children. No HEALTHCHECK:
# Kubernetes asks /livez and /readyz.
FROM python:3.11.14-slim-trixie AS build
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/build /opt/reseptformidler \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock \
    && /opt/reseptformidler/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY xsd xsd
COPY reseptformidler reseptformidler
# Bytecode by content, not by time: the file system is read-only later, and times would differ from build to build.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/reseptformidler/bin/pip install --no-deps --no-index dist/*.whl \
    && /opt/reseptformidler/bin/pip uninstall --yes pip setuptools \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/reseptformidler

FROM python:3.11.14-slim-trixie
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/reseptformidler /opt/reseptformidler
USER 10001:10001
ENTRYPOINT ["/opt/reseptformidler/bin/reseptformidler"]
CMD ["--help"]
