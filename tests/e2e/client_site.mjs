// A client's own web site: it publishes the metadata document whose URL is the client's id.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export class ClientSite {
  /** How often the document was asked for. */
  visits = 0

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

  #answer(request, response) {
    this.visits++
    const document = {
      client_id: `https://${this.host}${request.url}`,
      client_name: 'An e2e client',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    }
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'public, max-age=600' })
    response.end(JSON.stringify(document))
  }

  async stop() {
    this.server.close()
    this.server.closeAllConnections()
    await rm(this.folder, { recursive: true })
  }
}
