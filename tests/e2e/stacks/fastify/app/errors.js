'use strict'
// Problem details (RFC 9457): the one shape of every error answer.

const { STATUS_CODES } = require('node:http')
const settings = require('./settings')

function problem (request, reply, status, { detail, ...more } = {}) {
  return reply.code(status).type('application/problem+json').send(JSON.stringify({
    type: 'about:blank', title: STATUS_CODES[status], status, ...(detail && { detail }), request_id: request.id, ...more
  }))
}

const OF_HELMET = /^(content-security-policy|cross-origin-.*|origin-agent-cluster|permissions-policy|referrer-policy|strict-transport-security|x-(?!request-id).*)$/
// What the drivers say when a store is away, or does not answer in time.
const AWAY = /ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|timeout|timed out|Connection is closed|Connection terminated|max retries|Stream isn't writeable|57P0/i
const isAway = (error) => !error.statusCode && AWAY.test(`${error.code} ${error.name} ${error.message}`)

function refuse (error, request, reply) {
  if (settings.hasHelmet && settings.has('NO_HELMET_ON_ERRORS')) {
    for (const name of Object.keys(reply.getHeaders()).filter((name) => OF_HELMET.test(name))) reply.removeHeader(name)
  }
  if (isAway(error)) {
    request.log.error({ err: error }, 'a store is away')
    return problem(request, reply, 503)
  }
  const status = error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : 500
  if (status === 500) {
    // A request that the parser refused never reaches the hooks that write the line of a request.
    request.log.error({ err: error, req: { method: request.method, url: request.url?.split('?')[0] } }, 'request failed')
    return problem(request, reply, 500, settings.has('TRACE_IN_ERRORS') ? { detail: error.stack } : {})
  }
  return problem(request, reply, status, { detail: error.message, ...(error.retryAfter && { retry_after: error.retryAfter }) })
}

module.exports = { problem, refuse }
