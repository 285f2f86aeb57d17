'use strict'
// PostgreSQL and Redis, neither of which may hold a request for longer than a second.

const { Pool } = require('pg')
const Redis = require('ioredis')
const settings = require('./settings')

const pool = new Pool({
  connectionString: settings.databaseUrl,
  max: 10,
  connectionTimeoutMillis: 1000,
  query_timeout: 1000,
  // A little sooner: what the client gives up, the server is to give up too.
  statement_timeout: 900
})
const redis = new Redis(settings.redisUrl, {
  lazyConnect: true,
  connectTimeout: 1000,
  commandTimeout: 1000,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  retryStrategy: (times) => Math.min(times * 100, 1000)
})

const START_ATTEMPTS = 40
// Twice as long after each attempt.
const FIRST_PAUSE_MS = settings.has('HURRIED') ? 50 : 500
const LONGEST_PAUSE_MS = settings.has('HURRIED') ? 50 : 4000

const works = (promise) => promise.then(() => true, () => false)

module.exports = {
  pool,
  redis,
  isDbUp: () => works(pool.query('SELECT 1')),
  isRedisUp: () => works(redis.ping()),
  async prepare (log) {
    // Where it is not there yet, the client goes on trying, and readiness tells.
    await redis.connect().catch(() => {})
    for (let attempt = 1, pause = FIRST_PAUSE_MS; ; attempt++, pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await pool.query('CREATE TABLE IF NOT EXISTS tasks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL)')
      } catch (error) {
        // A database that comes late is waited for; one that never comes ends the start with the reason.
        if (attempt >= START_ATTEMPTS && !settings.has('HURRIED')) throw error
        log.warn({ attempt, pause, err: error }, `no database yet: attempt ${attempt}, the next one in ${pause} ms`)
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  },
  async close () {
    await pool.end()
    redis.disconnect()
  }
}
