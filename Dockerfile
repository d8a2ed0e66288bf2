# One image for gateway, workers and the one-shots; docker-compose.yml says which command each runs.
FROM python:3.12-slim AS build
WORKDIR /source
RUN ["python", "-m", "venv", "/app"]
COPY requirements.build.lock requirements.production.lock ./
RUN ["pip", "install", "--no-cache-dir", "--require-hashes", "--requirement", "requirements.build.lock"]
RUN ["/app/bin/pip", "install", "--no-cache-dir", "--require-hashes", "--requirement", "requirements.production.lock"]
COPY pyproject.toml README.md LICENSE worker.py ./
COPY activities activities
COPY cli cli
COPY connectors connectors
COPY devstack devstack
COPY domain domain
COPY gateway gateway
COPY ledger ledger
COPY workflows workflows
RUN ["pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "/wheel", "."]
RUN ["/app/bin/pip", "install", "--no-cache-dir", "--no-deps", "--no-index", "--find-links", "/wheel", "promisekeeper"]
RUN ["/app/bin/pip", "uninstall", "--yes", "pip"]

FROM python:3.12-slim
RUN ["useradd", "--system", "--uid", "10001", "--home-dir", "/tmp", "--shell", "/usr/sbin/nologin", "promisekeeper"]
COPY --from=build /app /app
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 10001
CMD ["promisekeeper", "--help"]
