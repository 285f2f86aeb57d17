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

const works = (promise) => promise.then(() => true, () => false)

module.exports = {
  pool,
  redis,
  isDbUp: () => works(pool.query('SELECT 1')),
  isRedisUp: () => works(redis.ping()),
  async prepare () {
    // Where it is not there yet, the client goes on trying, and readiness tells.
    await redis.connect().catch(() => {})
    for (let left = START_ATTEMPTS; ; left--) {
      try {
        return await pool.query('CREATE TABLE IF NOT EXISTS tasks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL)')
      } catch (error) {
        // A database that comes late is waited for; one that never comes ends the start with the reason.
        if (!left) throw error
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
  },
  async close () {
    await pool.end()
    redis.disconnect()
  }
}
