# One image for all apps: the command says which one. Build: docker build -t ipledger .
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No script of any package is run. The embedded Postgres stays out: a container has a DATABASE_URL.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-fund && npm cache clean --force

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-fund
COPY . .
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY migrations migrations
# Rules and dashboards, which the service hands out under /v1/stats/artifacts.
COPY deploy/prometheus deploy/prometheus
COPY deploy/grafana deploy/grafana
COPY --from=build /app/dist dist
USER node
EXPOSE 8080
ENTRYPOINT ["node", "--max-semi-space-size=32"]
CMD ["dist/apps/allocator/src/main.js"]
