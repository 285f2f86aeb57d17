'use strict'
// Tasks for machines: a small sound service, with defects that environment variables switch on.

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
  await stores.prepare()
  await proxy.watch()
  const server = metrics.serve()
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, async () => {
      await app.close()
      server.close()
      await stores.close()
      process.exit(0)
    })
  }
  await app.listen({ host: '0.0.0.0', port: settings.port, listenTextResolver: (address) => `listening at ${address}` })
}
start().catch((error) => {
  console.error(JSON.stringify({ level: 60, time: Date.now(), msg: 'it does not start', err: { message: error.message, stack: error.stack } }))
  process.exit(1)
})
