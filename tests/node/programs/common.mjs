import { Guard } from 'auth-agent-mcp-core'
import { API_KEY, SERVER_ID } from '../../support/fake_as.mjs'

export function makeGuard(issuer) {
  return new Guard(JSON.stringify({ server_id: SERVER_ID, api_key: API_KEY, auth_server: issuer, required_scopes: ['files:read'] }))
}

export const ask = (guard, token = 'good') => guard.authorize({ method: 'GET', path: '/', authorization: `Bearer ${token}` })
