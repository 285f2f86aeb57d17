'use strict'
// Tasks for machines: a small sound service, with defects that environment variables switch on.

const { timingSafeEqual, createHash } = require('node:crypto')
const fastify = require('fastify')
const helmet = require('@fastify/helmet')
const { Pool } = require('pg')
const Redis = require('ioredis')

const HEALTH_MS = 5000
const has = (defect) => process.env[defect] === '1'
const isProduction = process.env.NODE_ENV === 'production'
const hasHelmet = process.env.HELMET !== 'off'

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: 10,
  connectionTimeoutMillis: 1000,
  query_timeout: 1000
})
const redis = new Redis(process.env.REDIS_URL, {
  connectTimeout: 1000,
  commandTimeout: 1000,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  retryStrategy: (times) => Math.min(times * 100, 1000)
})
const app = fastify({ logger: { level: 'warn' }, trustProxy: true, frameworkErrors: refuse })
pool.on('error', (error) => app.log.warn(error))
redis.on('error', (error) => app.log.warn(error))

const PERMISSIONS = 'camera=(), geolocation=(), microphone=()'
if (hasHelmet) {
  app.register(helmet, {
    enableCSPNonces: false,
    contentSecurityPolicy: { directives: { frameAncestors: ["'none'"] } },
    frameguard: { action: 'deny' },
    hsts: isProduction && { maxAge: 31536000, includeSubDomains: true }
  })
  app.addHook('onRequest', async (request, reply) => { reply.header('Permissions-Policy', PERMISSIONS) })
}

function problem (reply, status, title, detail) {
  return reply.code(status).type('application/problem+json').send(
    JSON.stringify({ type: 'about:blank', title, status, ...(detail && { detail }) }))
}

function refuse (error, request, reply) {
  if (hasHelmet && has('NO_HELMET_ON_ERRORS')) {
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name)
  }
  const status = error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : 500
  if (status === 500) request.log.error(error)
  return problem(reply, status, status === 500 ? 'Internal Server Error' : error.code || 'Error',
    status === 500 ? undefined : error.message)
}
app.setErrorHandler(refuse)
app.setNotFoundHandler((request, reply) => refuse({ statusCode: 404, code: 'Not Found' }, request, reply))

const digest = (text) => createHash('sha256').update(String(text)).digest()
const key = digest(process.env.API_KEY)
async function withKey (request) {
  if (!timingSafeEqual(digest(request.headers['x-api-key'] ?? ''), key)) {
    throw Object.assign(new Error('X-Api-Key is missing or unknown'), { statusCode: 401, code: 'Unauthorized' })
  }
}

const works = (promise) => promise.then(() => true, () => false)
const isDbUp = () => works(pool.query('SELECT 1'))
const isRedisUp = () => works(redis.ping())

app.get('/livez', async (request, reply) => {
  if (has('LIVE_CHECKS_DB') && !await isDbUp()) return problem(reply, 503, 'Service Unavailable')
  return reply.code(204).send()
})

app.get('/readyz', async (request, reply) => {
  const [db, store] = await Promise.all([isDbUp(), isRedisUp()])
  const isReady = (db || has('READY_IGNORES_DB')) && store
  return reply.code(isReady ? 200 : 503).send({ db: db ? 'up' : 'down', redis: store ? 'up' : 'down' })
})

let health = { at: -Infinity, lost: Promise.resolve([]) }
async function measure () {
  const [db, store] = await Promise.all([isDbUp(), isRedisUp()])
  return [...(db ? [] : ['db']), ...(store ? [] : ['redis'])]
}
app.get('/healthz', async (request, reply) => {
  if (performance.now() - health.at > HEALTH_MS) health = { at: performance.now(), lost: measure() }
  const lost = await health.lost
  if (lost.length) return problem(reply, 503, 'Service Unavailable', `lost: ${lost.join(', ')}`)
  return { status: 'ok' }
})

const PAGE = '<!doctype html><html lang="en"><title>Tasks</title><link rel="stylesheet" href="/assets/site.css"><h1>Tasks</h1></html>'
app.get('/', async (request, reply) => reply.type('text/html; charset=utf-8').send(PAGE))
app.get('/assets/site.css', async (request, reply) =>
  reply.type('text/css; charset=utf-8').header('Cache-Control', 'public, max-age=3600').send('h1 { color: #123 }\n'))
app.get('/tasks', async (request, reply) => reply.redirect(308, '/v1/tasks'))

app.get('/v1/tasks', async () => (await pool.query('SELECT id, title FROM tasks ORDER BY id DESC LIMIT 50')).rows)
const schema = {
  body: {
    type: 'object',
    required: ['title'],
    additionalProperties: false,
    properties: { title: { type: 'string', minLength: 1, maxLength: 200 } }
  }
}
app.post('/v1/tasks', { onRequest: withKey, schema }, async (request, reply) => {
  const { rows } = await pool.query('INSERT INTO tasks (title) VALUES ($1) RETURNING id, title', [request.body.title])
  await redis.incr('tasks:created')
  return reply.code(201).send(rows[0])
})
app.get('/v1/usage', { onRequest: withKey }, async (request, reply) =>
  reply.header('Cache-Control', 'no-store').send({ created: Number(await redis.get('tasks:created')) }))
if (has('ERROR_ROUTE')) app.get('/boom', async () => { throw new Error('an error that nobody expected') })

async function start () {
  await pool.query('CREATE TABLE IF NOT EXISTS tasks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL)')
  await app.listen({ host: '0.0.0.0', port: 3000 })
}
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    await app.close()
    redis.disconnect()
    await pool.end()
    process.exit(0)
  })
}
start().catch((error) => {
  app.log.error(error)
  process.exit(1)
})
