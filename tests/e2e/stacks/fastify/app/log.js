'use strict'
// Logs as pino writes them: one JSON object per line, `time` in epoch milliseconds, `level` a number, the text in `msg`.

const settings = require('./settings')

// The path alone: queries carry what nobody wants to keep.
const shown = (request) => settings.has('LOG_QUERY') ? request.url : request.url.split('?')[0]

module.exports = {
  // Fastify's own serializers would take a request for one of Node's and drop what they do not know.
  logger: { level: settings.logLevel, base: { service: 'tasks' }, serializers: { req: (seen) => seen, res: (seen) => seen } },
  // One line per request, at the level of its status.
  line (request, reply) {
    const status = reply.statusCode
    const level = status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info'
    request.log[level]({
      req: { method: request.method, url: shown(request), remoteAddress: request.ip },
      res: { statusCode: status },
      responseTime: Math.round(reply.elapsedTime * 100) / 100
    }, 'request completed')
  }
}
