'use strict'
// Who stands before this service: only that address is believed when it names a client.

const { Resolver } = require('node:dns/promises')
const settings = require('./settings')

const REFRESH_MS = 2000
// Bounded, and beside the threads that look up the stores: questions for a proxy that does not exist yet would queue.
const resolver = new Resolver({ timeout: 1000, tries: 1 })
let addresses = new Set()

async function learn () {
  try {
    addresses = new Set(await resolver.resolve4(settings.proxyHost))
  } catch {
    // It is away: whoever asks meanwhile is not the proxy.
  }
}

module.exports = {
  isProxy: (address) => addresses.has(address),
  async watch () {
    await learn()
    return setInterval(learn, REFRESH_MS).unref()
  }
}
