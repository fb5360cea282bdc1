# The local backend as a service: docs/serving.md says how to run it. Its RUN command is run in CI
# without Docker (.ci/docker), and so are ENTRYPOINT, CMD and HEALTHCHECK.
FROM python:3.12-slim AS build
COPY pyproject.toml README.md LICENSE /src/
COPY nemovideo /src/nemovideo
COPY docker /src/docker
RUN ["sh", "/src/docker/install", "/src", "/opt/nemovideo"]

FROM python:3.12-slim
COPY --from=build /opt/nemovideo /opt/nemovideo
COPY --from=build --chown=10001:10001 /opt/nemovideo/state /state
ENV XDG_CACHE_HOME=/opt/nemovideo/cache PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /state
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["/opt/nemovideo/venv/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["/opt/nemovideo/venv/bin/python", "-m", "nemovideo.local", "--host", "0.0.0.0", "--port", "8000", "--state-dir", "/state"]
CMD ["--api-key-file", "/run/secrets/nemovideo-keys", "--keep", "7d"]
