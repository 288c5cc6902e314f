# The gateway as a container: `docker build -t sekisho .`, or buildah. It runs as nobody special, its root may be
# read-only; what it writes is in /data (and /tmp). compose.yaml shows it with PostgreSQL and Valkey.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
ARG EXTRAS="aws azure google litellm postgres valkey"
# Options for pip, for a registry of your own.
ARG PIP_OPTIONS=""
WORKDIR /build
COPY requirements requirements
# The pins come first: they change less often than the code.
RUN python3 -m venv /opt/sekisho \
  && for part in build runtime ${EXTRAS}; do \
       /opt/sekisho/bin/python -m pip install --quiet --no-cache-dir --require-hashes ${PIP_OPTIONS} \
         -r "requirements/${part}.txt" || exit 1; \
     done
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/sekisho/bin/python -m pip install --quiet --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM ${BASE}
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin sekisho \
  && install -d -o sekisho -g sekisho -m 0700 /data
COPY --from=build /opt/sekisho /opt/sekisho
ENV PATH=/opt/sekisho/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python3", "-c", \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:4000/health/readiness', timeout=2)"]
ENTRYPOINT ["sekisho"]
CMD ["serve", "--config", "/etc/sekisho/config.yaml", "--data-dir", "/data", "--host", "0.0.0.0"]
