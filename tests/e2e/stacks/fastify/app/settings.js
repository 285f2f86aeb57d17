'use strict'
// Everything that the environment decides, read once. Defects are switched on by name, as NAME=1.

const number = (name, otherwise) => Number(process.env[name] || otherwise)

module.exports = {
  isProduction: process.env.NODE_ENV === 'production',
  hasHelmet: process.env.HELMET !== 'off',
  apiKey: process.env.API_KEY,
  databaseUrl: process.env.DATABASE_URL,
  redisUrl: process.env.REDIS_URL,
  proxyHost: process.env.PROXY_HOST,
  origins: (process.env.CORS_ORIGINS || '').split(',').map((text) => text.trim()).filter(Boolean),
  bodyLimitBytes: number('BODY_LIMIT_BYTES', 262144),
  hasLimit: process.env.RATE_LIMIT_ENABLED !== 'false',
  limitRequests: number('RATE_LIMIT_MAX', 300),
  limitSeconds: number('RATE_LIMIT_WINDOW_SECONDS', 60),
  // Below the grace period of compose.yaml.
  shutdownSeconds: number('SHUTDOWN_SECONDS', 10),
  logLevel: process.env.LOG_LEVEL || 'info',
  port: 3000,
  metricsPort: 9464,
  has: (defect) => process.env[defect] === '1'
}
