'use strict'
// Who stands before this service: only that address is believed when it names a client.

const { lookup } = require('node:dns/promises')
const settings = require('./settings')

const REFRESH_MS = 2000
let addresses = new Set()

async function learn () {
  try {
    addresses = new Set((await lookup(settings.proxyHost, { all: true })).map((found) => found.address))
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
