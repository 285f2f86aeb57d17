'use strict'
// What callers can ask for.

const { timingSafeEqual, createHash } = require('node:crypto')
const { STATUS_CODES } = require('node:http')
const { setTimeout } = require('node:timers/promises')
const settings = require('./settings')
const { pool, redis, isDbUp, isRedisUp } = require('./stores')
const { problem } = require('./errors')
const { has } = settings

const HEALTH_MS = 5000
const LIVE_MS = 800
const PAGE = '<!doctype html><html lang="en"><title>Tasks</title><link rel="stylesheet" href="/assets/site.css"><h1>Tasks</h1></html>'

const digest = (text) => createHash('sha256').update(String(text)).digest()
const key = digest(settings.apiKey)
async function withKey (request) {
  if (!timingSafeEqual(digest(request.headers['x-api-key'] ?? ''), key)) {
    throw Object.assign(new Error('X-Api-Key is missing or unknown'), { statusCode: 401 })
  }
}
function needJson (request) {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '') && !has('ANY_TYPE')) {
    throw Object.assign(new Error('only application/json is read'), { statusCode: 415 })
  }
}

// PostgreSQL holds no NUL in a text, and a bigint ends at 2^63: what it would refuse is refused here.
const title = { type: 'string', minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$', example: 'water the plants' }
const id = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'the number of a task', example: 1 }
const task = { type: 'object', description: 'A task', properties: { id: { type: 'string', example: '1' }, title } }
const refused = {
  type: 'object',
  description: 'A problem (RFC 9457)',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    request_id: { type: 'string' },
    retry_after: { type: 'integer' }
  }
}
const problems = (...statuses) => Object.fromEntries([...statuses, 429].map((status) =>
  [status, { description: STATUS_CODES[status], content: { 'application/problem+json': { schema: refused } } }]))
const secured = { security: [{ key: [] }] }
const params = { type: 'object', required: ['id'], properties: { id } }

const schemas = {
  list: {
    summary: 'List tasks',
    description: 'The latest fifty tasks, newest first.',
    response: { 200: { type: 'array', items: task, description: 'Tasks' }, ...problems() }
  },
  read: { summary: 'Read a task', description: 'One task by its number.', params, response: { 200: task, ...problems(400, 404) } },
  create: {
    ...secured,
    summary: 'Create a task',
    description: 'A new task.',
    body: { type: 'object', required: ['title'], additionalProperties: false, properties: { title } },
    response: { 201: task, ...problems(400, 401, 413, 415) }
  },
  remove: {
    ...secured,
    summary: 'Delete a task',
    description: 'One task less.',
    params,
    response: { 204: { type: 'null', description: 'It is gone' }, ...problems(400, 401, 404) }
  },
  usage: {
    ...secured,
    summary: 'Count tasks',
    description: 'How many tasks were ever created.',
    response: {
      200: { type: 'object', description: 'The count', properties: { created: { type: 'integer', example: 3 } } },
      ...problems(401)
    }
  }
}
const hidden = { schema: { hide: true } }
const unlimited = { ...hidden, config: { rateLimit: false } }
const missing = (request, reply) => problem(request, reply, 404, { detail: 'no such task' })

let health = { at: -Infinity, lost: Promise.resolve([]) }
async function measure () {
  const [db, store] = await Promise.all([isDbUp(), isRedisUp()])
  return [...(db ? [] : ['db']), ...(store ? [] : ['redis'])]
}

module.exports = async function routes (app) {
  app.get('/livez', unlimited, async (request, reply) => {
    // The fault is to ask at all: even so it answers before its prober gives up.
    if (has('LIVE_CHECKS_DB') && !await Promise.race([isDbUp(), setTimeout(LIVE_MS, false)])) return problem(request, reply, 503)
    return reply.code(204).send()
  })
  app.get('/readyz', unlimited, async (request, reply) => {
    const [db, store] = await Promise.all([isDbUp(), isRedisUp()])
    const isReady = (db || has('READY_IGNORES_DB')) && store
    return reply.code(isReady ? 200 : 503).send({ db: db ? 'up' : 'down', redis: store ? 'up' : 'down' })
  })
  app.get('/healthz', unlimited, async (request, reply) => {
    if (performance.now() - health.at > HEALTH_MS) health = { at: performance.now(), lost: measure() }
    const lost = await health.lost
    if (lost.length) return problem(request, reply, 503, { detail: `lost: ${lost.join(', ')}` })
    return { status: 'ok' }
  })

  app.get('/', hidden, async (request, reply) => reply.type('text/html; charset=utf-8').send(PAGE))
  app.get('/assets/site.css', unlimited, async (request, reply) =>
    reply.type('text/css; charset=utf-8').header('Cache-Control', 'public, max-age=3600').send('h1 { color: #123 }\n'))
  app.get('/tasks', hidden, async (request, reply) => reply.redirect('/v1/tasks', 308))

  app.get('/v1/tasks', { schema: schemas.list }, async () =>
    (await pool.query('SELECT id, title FROM tasks ORDER BY id DESC LIMIT 50')).rows)
  app.get('/v1/tasks/:id', { schema: schemas.read }, async (request, reply) => {
    const { rows } = await pool.query('SELECT id, title FROM tasks WHERE id = $1', [request.params.id])
    return rows[0] ?? missing(request, reply)
  })
  // The key is looked at after the limiter, which runs last among the hooks of `onRequest`, and before the body is read.
  app.post('/v1/tasks', {
    schema: schemas.create,
    preParsing: async (request) => { await withKey(request); needJson(request) }
  }, async (request, reply) => {
    const { rows } = await pool.query('INSERT INTO tasks (title) VALUES ($1) RETURNING id, title', [request.body.title])
    await redis.incr('tasks:created').catch((error) => request.log.warn({ err: error }, 'not counted'))
    return reply.code(201).send(rows[0])
  })
  app.delete('/v1/tasks/:id', { schema: schemas.remove, preParsing: withKey }, async (request, reply) => {
    const { rowCount } = await pool.query('DELETE FROM tasks WHERE id = $1', [request.params.id])
    return rowCount ? reply.code(204).send() : missing(request, reply)
  })
  app.get('/v1/usage', { schema: schemas.usage, preParsing: withKey }, async (request, reply) =>
    reply.header('Cache-Control', 'no-store').send({ created: Number(await redis.get('tasks:created')) }))
  if (has('ERROR_ROUTE')) app.get('/boom', hidden, async () => { throw new Error('an error that nobody expected') })
}
