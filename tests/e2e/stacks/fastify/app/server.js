'use strict'
// Tasks for machines: a small sound service, with defects that environment variables switch on.

const cluster = require('node:cluster')
const settings = require('./settings')
const stores = require('./stores')
const proxy = require('./proxy')
const metrics = require('./metrics')
const { build } = require('./app')

async function start () {
  const app = await build()
  if (process.argv.includes('--openapi')) {
    process.stdout.write(`${JSON.stringify(app.swagger(), null, 2)}\n`)
    process.exit(0)
  }
  stores.pool.on('error', (error) => app.log.warn({ err: error }, 'database'))
  stores.redis.on('error', (error) => app.log.warn({ err: error }, 'redis'))
  await stores.prepare(app.log)
  await proxy.watch()
  const server = metrics.serve()
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => shutDown(app, server))
  }
  await app.listen({ host: '0.0.0.0', port: settings.port, listenTextResolver: (address) => `server process ${process.pid} listens at ${address}` })
}
// Nothing new, what is open within its time, then what it used.
async function shutDown (app, server) {
  if (settings.has('CUTS_AT_STOP')) process.exit(0)
  app.log.info('shutdown started')
  const cut = setTimeout(() => app.server.closeAllConnections(), settings.shutdownSeconds * 1000)
  await app.close()
  clearTimeout(cut)
  app.log.info('requests done')
  server.close()
  await stores.close()
  app.log.info('stores closed')
  app.log.info('shutdown complete')
  process.exit(0)
}
// Several processes share the ports, and in Redis one count of requests.
const processes = Number(process.env.WEB_CONCURRENCY || 1)
if (processes > 1 && cluster.isPrimary) {
  const workers = Array.from({ length: processes }, () => cluster.fork())
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => workers.forEach((worker) => worker.kill(signal)))
  cluster.on('exit', () => { if (!Object.keys(cluster.workers).length) process.exit(0) })
} else start().catch((error) => {
  console.error(JSON.stringify({ level: 60, time: Date.now(), msg: 'it does not start', err: { message: error.message, stack: error.stack } }))
  process.exit(1)
})
