'use strict'
// The service: what holds for every request; the routes are in routes.js.

const { randomUUID } = require('node:crypto')
const fastify = require('fastify')
const settings = require('./settings')
const { redis } = require('./stores')
const { isProxy } = require('./proxy')
const { refuse } = require('./errors')
const log = require('./log')
const metrics = require('./metrics')
const docs = require('./docs')
const { has } = settings

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const PERMISSIONS = 'camera=(), geolocation=(), microphone=()'

// An id of the caller's is taken over only where it is one.
function idOf (request) {
  const sent = request.headers['x-request-id']
  return sent && (UUID.test(sent) || has('ANY_REQUEST_ID')) ? sent : randomUUID()
}

async function build () {
  const app = fastify({
    logger: log.logger,
    disableRequestLogging: true,
    bodyLimit: settings.bodyLimitBytes,
    trustProxy: has('TRUSTS_ANYBODY') || isProxy,
    genReqId: idOf,
    requestIdHeader: false,
    requestIdLogLabel: 'request_id',
    frameworkErrors: refuse,
    ajv: { customOptions: { keywords: ['example'] } }  // OpenAPI's word, which JSON Schema does not know
  })
  app.addHook('onRequest', async (request, reply) => { reply.header('X-Request-ID', request.id) })
  app.addHook('onResponse', async (request, reply) => {
    log.line(request, reply)
    metrics.count(request, reply)
  })
  app.removeContentTypeParser('text/plain')
  if (has('ANY_TYPE')) {
    app.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => done(null, { title: String(body) || 'empty' }))
  }
  if (settings.hasHelmet) {
    await app.register(require('@fastify/helmet'), {
      enableCSPNonces: false,
      contentSecurityPolicy: { directives: { frameAncestors: ["'none'"] } },
      frameguard: { action: 'deny' },
      hsts: settings.isProduction && { maxAge: 31536000, includeSubDomains: true }
    })
    app.addHook('onRequest', async (request, reply) => { reply.header('Permissions-Policy', PERMISSIONS) })
  }
  if (settings.hasLimit) await limit(app)
  const [only, ...others] = settings.origins
  await app.register(require('@fastify/cors'), {
    // One origin is a constant header; several are compared with the caller's.
    origin: !settings.isProduction || has('ANY_ORIGIN') ? true : others.length ? settings.origins : only ?? false,
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: ['content-type', 'x-api-key'],
    exposedHeaders: ['x-request-id', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after'],
    maxAge: 600
  })
  await docs.register(app)
  app.setErrorHandler(refuse)
  const counted = settings.hasLimit ? { preHandler: app.rateLimit() } : {}
  app.setNotFoundHandler(counted, (request, reply) =>
    refuse(Object.assign(new Error('nothing is here'), { statusCode: 404 }), request, reply))
  await app.register(require('./routes'))
  await app.ready()
  return app
}

async function limit (app) {
  await app.register(require('@fastify/rate-limit'), {
    max: settings.limitRequests,
    timeWindow: settings.limitSeconds * 1000,
    enableDraftSpec: true,
    redis,
    nameSpace: 'limit:',
    skipOnError: true,
    errorResponseBuilder: (request, { max, ttl }) => Object.assign(
      new Error(`more than ${max} requests in ${settings.limitSeconds} seconds`),
      { statusCode: 429, retryAfter: Math.ceil(ttl / 1000) })
  })
  if (has('RETRY_AFTER_IN_MS')) {
    app.addHook('onSend', async (request, reply) => {
      const said = reply.getHeader('retry-after')
      if (said) reply.header('retry-after', said * 1000)
    })
  }
}

module.exports = { build }
