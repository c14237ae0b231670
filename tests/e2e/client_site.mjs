// A client's own web site: it publishes the metadata document whose URL is the client's id, and for some of them the public keys that they
// authenticate with.
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export class ClientSite {
  /** How often a document was asked for, and how often keys were. */
  visits = 0
  keyVisits = 0
  #keys = new Map()

  static async start() {
    const self = new ClientSite()
    self.folder = await mkdtemp(join(tmpdir(), 'auth-agent-client-site-'))
    self.certificate = join(self.folder, 'certificate.pem')
    const key = join(self.folder, 'key.pem')
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    await promisify(execFile)('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', self.certificate])
    const files = { key: await readFile(key), cert: await readFile(self.certificate) }
    self.server = createServer(files, (request, response) => self.#answer(request, response)).listen(0, '127.0.0.1')
    await once(self.server, 'listening')
    self.host = `localhost:${self.server.address().port}`
    return self
  }

  /** The URL of a document of that name: a client's id. */
  clientId(name) {
    return `https://${this.host}/oauth/${name}.json`
  }

  /** The same of a client that authenticates with a key of its own alone: its id, and the private key as a JWK. */
  keyedClient(name, alg) {
    const kinds = { ES256: ['ec', { namedCurve: 'P-256' }], RS256: ['rsa', { modulusLength: 2048 }] }
    const { publicKey, privateKey } = generateKeyPairSync(...kinds[alg])
    this.#keys.set(`/oauth/${name}.json`, { ...publicKey.export({ format: 'jwk' }), use: 'sig', alg, kid: name })
    return { clientId: this.clientId(name), privateKey: { ...privateKey.export({ format: 'jwk' }), alg } }
  }

  #send(response, type, content) {
    response.writeHead(200, { 'content-type': type, 'cache-control': 'public, max-age=600' })
    response.end(JSON.stringify(content))
  }

  #answer(request, response) {
    if (request.url === '/oauth/jwks.json') {
      this.keyVisits++
      this.#send(response, 'application/jwk-set+json', { keys: [...this.#keys.values()] })
      return
    }
    this.visits++
    const methods = this.#keys.has(request.url)
      ? { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: `https://${this.host}/oauth/jwks.json` }
      : { token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'] }
    const document = {
      client_id: `https://${this.host}${request.url}`,
      client_name: 'An e2e client',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...methods,
    }
    this.#send(response, 'application/json', document)
  }

  async stop() {
    this.server.close()
    this.server.closeAllConnections()
    await rm(this.folder, { recursive: true })
  }
}
