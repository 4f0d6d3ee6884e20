# Two stages: what builds stays behind, the image holds Python, the virtual environment and nothing else.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY catalog catalog
COPY kameleon kameleon
COPY proxy proxy
COPY rewriter rewriter
RUN python -m venv /opt/kameleon && /opt/kameleon/bin/pip install --no-cache-dir .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin kameleon \
    && install -d -o kameleon -g kameleon -m 0700 /var/lib/kameleon
COPY --from=build /opt/kameleon /opt/kameleon
ENV PATH=/opt/kameleon/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    KAMELEON_LISTEN=0.0.0.0:6543 \
    KAMELEON_DATA_DIR=/var/lib/kameleon
USER kameleon
VOLUME /var/lib/kameleon
EXPOSE 6543
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["kameleon", "healthcheck"]
ENTRYPOINT ["kameleon"]
CMD ["serve"]
