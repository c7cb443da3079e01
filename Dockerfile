# The image of the gateway: Node, the compiled program and its production dependencies. Needs no
# shell. Any two images with Node 24.15 or a later 24 will do, pinned by digest or from your own
# mirror. Only plain JavaScript is copied from the first to the second, so the build for every
# platform runs on the builder's platform.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

# Changes only with the lock file, so the layer of dependencies survives most builds. This is the
# only step that needs a network. With NPM_CONFIG_OFFLINE=true it needs none: npm takes the packages
# from its cache, or fails. The folder's name becomes the program's name in the list below.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS dependencies
WORKDIR /ota-gateway
COPY package.json package-lock.json .npmrc ./
COPY scripts/bootstrap.mjs scripts/
ARG NPM_CONFIG_OFFLINE=false
RUN --mount=type=cache,target=/root/.npm node scripts/bootstrap.mjs install

# Adds the list of everything that is shipped (SBOM): name, version, license and hash of each
# package. npm's own --omit=dev would leave out packages that development needs too, such as the
# vendor's credentials.
FROM dependencies AS production
RUN npm prune --omit=dev --offline \
 && rm -r node_modules/.bootstrap \
 && npm pkg delete devDependencies \
 && npm sbom --sbom-format=cyclonedx --sbom-type=application >sbom.cdx.json \
 && chmod -R a+rX node_modules sbom.cdx.json

# A checkout has the file modes of its owner's umask; the program's user must be able to read.
FROM dependencies AS build
COPY buf.yaml buf.gen.yaml tsconfig.json ./
COPY scripts/bundle.mjs scripts/
COPY proto proto
COPY src src
COPY docs/metrics.md docs/operations.md docs/rollouts.md docs/
RUN mkdir /state \
 && node scripts/bootstrap.mjs \
 && chmod -R a+rX dist docs proto package.json

# Copied before WORKDIR: if WORKDIR has to create the folder, it belongs to the image's user.
FROM ${RUNTIME_IMAGE}
COPY --from=production /ota-gateway/node_modules /app/node_modules
COPY --from=production /ota-gateway/sbom.cdx.json /app/
COPY --from=build /ota-gateway/package.json /app/
COPY --from=build /ota-gateway/proto /app/proto
COPY --from=build /ota-gateway/dist /app/dist
COPY --from=build /ota-gateway/docs /app/docs
# For a volume with the operations (OTA_STATE): a new one of Docker belongs to this user too.
COPY --from=build --chown=65532:65532 /state /var/lib/ota-gateway
WORKDIR /app

# Distroless keeps node in /nodejs/bin, which is not on its PATH; other images in /usr/local/bin or
# /usr/bin. With all of them on the PATH, the exec form finds "node" without a shell.
ENV PATH=/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_ENV=production \
    MALLOC_MMAP_THRESHOLD_=131072 \
    OTA_LISTEN=0.0.0.0:50051 \
    OTA_ADMIN_LISTEN=0.0.0.0:9464
EXPOSE 50051 9464

# A number, so that Kubernetes can verify that it is not root (runAsNonRoot).
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["node", "/app/dist/healthcheck.js"]
# The reasons for these flags, and for MALLOC_MMAP_THRESHOLD_:
# docs/adr/0021-node-gets-more-memory-for-requests-in-flight.md.
ENTRYPOINT ["node", "--enable-source-maps", "--max-semi-space-size=32", "--no-allocation-site-pretenuring", "/app/dist/cli.js"]
CMD ["serve"]

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ota-gateway" \
      org.opencontainers.image.description="gRPC gateway that cancels over-the-air update tasks on Alibaba Cloud IoT Platform" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
