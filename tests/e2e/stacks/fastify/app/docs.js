'use strict'
// The API's own description: served outside production, and written to a file by `node server.js --openapi`.

const settings = require('./settings')

module.exports = {
  async register (app) {
    await app.register(require('@fastify/swagger'), {
      openapi: {
        openapi: '3.0.3',
        info: {
          title: 'Tasks',
          version: '1.0.0',
          description: `Tasks for machines. Callers send X-Api-Key; ${settings.limitRequests} requests per ${settings.limitSeconds} seconds from one address.`
        },
        components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'X-Api-Key' } } }
      }
    })
    if (!settings.isProduction || settings.has('DOCS_OPEN')) {
      await app.register(require('@fastify/swagger-ui'), { routePrefix: '/docs' })
    }
  }
}
