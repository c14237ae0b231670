// TLS to the authorization server: node carries an OpenSSL of its own in the same process, and it must not get between.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { FakeAs, RESOURCE } from '../support/fake_as.mjs'
import { guardOf, judge } from './support.mjs'

const folder = mkdtempSync(join(tmpdir(), 'auth-agent-tls-'))
const key = join(folder, 'key.pem')
const certificate = join(folder, 'certificate.pem')
const as = new FakeAs()

before(async () => {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout', key, '-out', certificate]
  execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'ignore' })
  const files = { key: readFileSync(key), cert: readFileSync(certificate) }
  as.server = createServer(files, (request, response) => as.handle(request, response))
  as.server.listen(0, '127.0.0.1')
  await once(as.server, 'listening')
  as.issuer = `https://localhost:${as.server.address().port}`
  as.grant('good')
})

after(() => {
  as.server.closeAllConnections()
  as.server.close()
  rmSync(folder, { recursive: true })
})

test('an authorization server whose certificate is vouched for is asked', async () => {
  const verdict = await judge(guardOf(as, { ca_file: certificate }), 'good')
  assert.equal(verdict.kind, 'principal')
  assert.equal(as.introspections, 1)
})

test('one whose certificate nobody vouches for gets neither our key nor the token', async () => {
  const before = { ...as.count }
  const verdict = await judge(guardOf(as, { resource: RESOURCE, introspection_endpoint: `${as.issuer}/introspect` }), 'good')
  assert.equal(verdict.status, 503)
  assert.equal(verdict.code, 'REMOTE_TLS')
  assert.deepEqual(as.count, before)
})

test('one with a certificate for another name gets nothing either', async () => {
  const before = { ...as.count }
  const elsewhere = as.issuer.replace('localhost', '127.0.0.1')
  const options = { ca_file: certificate, auth_server: elsewhere, introspection_endpoint: `${elsewhere}/introspect` }
  const verdict = await judge(guardOf(as, { resource: RESOURCE, ...options }), 'good')
  assert.equal(verdict.status, 503)
  assert.equal(verdict.code, 'REMOTE_TLS')
  assert.deepEqual(as.count, before)
})
