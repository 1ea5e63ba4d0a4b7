# Trimtab's images: `operator` (the controller) and `runtime` (what runs in training and serving pods).
# Built by Docker (BuildKit) or buildah. BASE: Debian 12; where it lacks Python, Debian's own is installed.
# Optional build secrets: `ca` (a CA bundle for pip) and `pip` (a pip.conf). No layer keeps them.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS python
RUN command -v python3 > /dev/null || { \
        apt-get update && \
        apt-get install --yes --no-install-recommends python3-minimal libpython3.11-stdlib ca-certificates && \
        rm -rf /var/lib/apt/lists/*; }
# Some libraries look their user up, so the numeric one has a name.
RUN echo 'trimtab:x:65532:65532:trimtab:/tmp:/usr/sbin/nologin' >> /etc/passwd && \
    echo 'trimtab:x:65532:' >> /etc/group
ENV PATH=/opt/trimtab/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1

# ---- everything that builds stays in the next stages
FROM python AS builder
RUN mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial && \
    apt-get update && \
    apt-get install --yes --no-install-recommends python3-venv
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY operator/build.lock /locks/build.lock
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi && \
    if [ -s /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi && \
    python3 -m venv /builder && \
    /builder/bin/pip install --require-hashes --no-deps -r /locks/build.lock && \
    python3 -m venv --without-pip /opt/trimtab

# Dependencies before our code, so that a change of code downloads nothing. The test suites that some of them
# carry are left out; byte-code is kept, because the root is read-only later and imports would be slow.
FROM builder AS operator-dependencies
COPY operator/requirements.lock /locks/requirements.lock
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi && \
    if [ -s /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi && \
    /builder/bin/pip --python /opt/trimtab/bin/python install --require-hashes --no-deps \
        -r /locks/requirements.lock && \
    find /opt/trimtab/lib -type d -name tests -prune -exec rm -rf {} +

FROM builder AS runtime-dependencies
COPY runtime/requirements.lock /locks/requirements.lock
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi && \
    if [ -s /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi && \
    /builder/bin/pip --python /opt/trimtab/bin/python install --require-hashes --no-deps \
        -r /locks/requirements.lock && \
    find /opt/trimtab/lib -type d -name tests -prune -exec rm -rf {} +

# Our own two packages, built into wheels and laid out as they will lie over the dependencies.
FROM builder AS runtime-package
COPY runtime /source/runtime
RUN /builder/bin/pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /wheels /source/runtime && \
    /builder/bin/pip --python /opt/trimtab/bin/python install --no-deps --no-index --root /layer /wheels/*.whl

FROM runtime-package AS operator-package
COPY pyproject.toml README.md /source/
COPY operator /source/operator
RUN /builder/bin/pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /wheels /source && \
    /builder/bin/pip --python /opt/trimtab/bin/python install --no-deps --no-index --root /layer \
        --force-reinstall /wheels/*.whl

# ---- what is shipped
FROM python AS operator
COPY --from=operator-dependencies /opt/trimtab /opt/trimtab
COPY --from=operator-package /layer/opt/trimtab /opt/trimtab
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["trimtab"]
CMD ["--help"]

FROM python AS runtime
COPY --from=runtime-dependencies /opt/trimtab /opt/trimtab
COPY --from=runtime-package /layer/opt/trimtab /opt/trimtab
USER 65532:65532
WORKDIR /tmp
CMD ["trimtab-runtime", "--help"]
