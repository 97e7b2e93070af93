# One image for every role. Wheels only: nothing is compiled.
FROM python:3.12-slim
WORKDIR /opt/rollcall
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements.txt
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY models models
COPY ingest ingest
COPY recognition recognition
COPY storage storage
COPY supervision_api supervision_api
RUN pip install --no-cache-dir --no-deps . && useradd --create-home --uid 10001 rollcall \
    && install -d -o rollcall -g rollcall -m 0700 /srv/rollcall /srv/cache
USER rollcall
ENV ROLLCALL_DATA_DIR=/srv/rollcall ROLLCALL_CACHE_DIR=/srv/cache ROLLCALL_HOST=0.0.0.0
VOLUME /srv/rollcall
EXPOSE 8420
HEALTHCHECK --interval=15s --timeout=4s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8420/healthz', timeout=3)"]
CMD ["rollcall", "serve"]
