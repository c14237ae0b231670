/* PostgreSQL's schema: the same tables as SQLite's, in whatever schema comes first in the connection's search_path.
 * Times are milliseconds since 1970 and 0 means "not".
 *
 * Others may keep their tables beside ours, so only the names we need are looked for: when some are there and the pair
 * that marks our own is not, they are another program's. */
#include "db/migrate.h"

static const char *const first[] = {
    "CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY)",

    "CREATE TABLE users ("
    "  user_id TEXT NOT NULL PRIMARY KEY,"
    "  email TEXT NOT NULL,"
    "  name TEXT,"
    "  password_phc TEXT,"
    "  created_ms BIGINT NOT NULL,"
    "  disabled_ms BIGINT NOT NULL"
    ")",
    "CREATE UNIQUE INDEX users_email ON users (lower(email))",

    "CREATE TABLE sessions ("
    "  session_digest BYTEA NOT NULL PRIMARY KEY,"
    "  user_id TEXT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,"
    "  created_ms BIGINT NOT NULL,"
    "  authenticated_ms BIGINT NOT NULL,"
    "  expires_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX sessions_user ON sessions (user_id)",
    "CREATE INDEX sessions_expires ON sessions (expires_ms)",

    "CREATE TABLE servers ("
    "  server_id TEXT NOT NULL PRIMARY KEY,"
    "  server_url TEXT NOT NULL,"
    "  resource_normal TEXT NOT NULL UNIQUE,"
    "  server_name TEXT NOT NULL,"
    "  scopes TEXT NOT NULL,"
    "  default_scopes TEXT,"
    "  user_id TEXT REFERENCES users (user_id),"
    "  created_ms BIGINT NOT NULL,"
    "  updated_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX servers_user ON servers (user_id)",

    "CREATE TABLE server_keys ("
    "  key_id TEXT NOT NULL PRIMARY KEY,"
    "  server_id TEXT NOT NULL REFERENCES servers (server_id) ON DELETE CASCADE,"
    "  name TEXT,"
    "  secret_phc TEXT NOT NULL,"
    "  created_ms BIGINT NOT NULL,"
    "  revoked_ms BIGINT NOT NULL,"
    "  last_used_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX server_keys_server ON server_keys (server_id)",

    "CREATE TABLE clients ("
    "  client_id TEXT NOT NULL PRIMARY KEY,"
    "  client_name TEXT,"
    "  redirect_uris TEXT NOT NULL,"
    "  grant_types TEXT NOT NULL,"
    "  scope TEXT,"
    "  application_type TEXT,"
    "  client_uri TEXT,"
    "  source TEXT NOT NULL,"
    "  fingerprint BYTEA UNIQUE,"
    "  created_ms BIGINT NOT NULL,"
    "  last_used_ms BIGINT NOT NULL,"
    "  expires_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX clients_expires ON clients (expires_ms) WHERE expires_ms > 0",

    "CREATE TABLE auth_requests ("
    "  request_digest BYTEA NOT NULL PRIMARY KEY,"
    "  browser_digest BYTEA NOT NULL,"
    "  client_id TEXT NOT NULL,"
    "  redirect_uri TEXT NOT NULL,"
    "  state TEXT,"
    "  code_challenge TEXT NOT NULL,"
    "  scope TEXT,"
    "  server_id TEXT NOT NULL,"
    "  resource_sent TEXT,"
    "  user_id TEXT,"
    "  redirect_uri_sent SMALLINT NOT NULL,"
    "  prompt_consent SMALLINT NOT NULL,"
    "  prompt_login SMALLINT NOT NULL,"
    "  prompt_none SMALLINT NOT NULL,"
    "  created_ms BIGINT NOT NULL,"
    "  expires_ms BIGINT NOT NULL,"
    "  consumed_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX auth_requests_expires ON auth_requests (expires_ms)",

    /* Grants outlive the server and the client they speak of: a revoked one is the tombstone that keeps its tokens
       dead. */
    "CREATE TABLE grants ("
    "  grant_id TEXT NOT NULL PRIMARY KEY,"
    "  user_id TEXT NOT NULL REFERENCES users (user_id),"
    "  client_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  scope TEXT,"
    "  created_ms BIGINT NOT NULL,"
    "  last_used_ms BIGINT NOT NULL,"
    "  revoked_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX grants_user ON grants (user_id)",
    "CREATE INDEX grants_client ON grants (client_id)",
    "CREATE INDEX grants_server ON grants (server_id)",

    "CREATE TABLE consents ("
    "  user_id TEXT NOT NULL REFERENCES users (user_id),"
    "  client_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  redirect_uri TEXT NOT NULL,"
    "  scope TEXT,"
    "  created_ms BIGINT NOT NULL,"
    "  revoked_ms BIGINT NOT NULL,"
    "  PRIMARY KEY (user_id, client_id, server_id, redirect_uri)"
    ")",
    "CREATE INDEX consents_client ON consents (client_id)",
    "CREATE INDEX consents_server ON consents (server_id)",

    "CREATE TABLE codes ("
    "  code_key BYTEA NOT NULL PRIMARY KEY,"
    "  grant_id TEXT NOT NULL REFERENCES grants (grant_id),"
    "  client_id TEXT NOT NULL,"
    "  redirect_uri TEXT NOT NULL,"
    "  code_challenge TEXT NOT NULL,"
    "  scope TEXT,"
    "  server_id TEXT NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  redirect_uri_sent SMALLINT NOT NULL,"
    "  created_ms BIGINT NOT NULL,"
    "  expires_ms BIGINT NOT NULL,"
    "  redeemed_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX codes_expires ON codes (expires_ms)",

    "CREATE TABLE access_tokens ("
    "  token_key BYTEA NOT NULL PRIMARY KEY,"
    "  jti TEXT NOT NULL,"
    "  grant_id TEXT NOT NULL REFERENCES grants (grant_id),"
    "  client_id TEXT NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  scope TEXT,"
    "  audience TEXT NOT NULL,"
    "  issued_ms BIGINT NOT NULL,"
    "  expires_ms BIGINT NOT NULL,"
    "  revoked_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX access_tokens_expires ON access_tokens (expires_ms)",

    "CREATE TABLE refresh_tokens ("
    "  token_key BYTEA NOT NULL PRIMARY KEY,"
    "  grant_id TEXT NOT NULL REFERENCES grants (grant_id),"
    "  client_id TEXT NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  scope TEXT,"
    "  successor_sealed BYTEA,"
    "  issued_ms BIGINT NOT NULL,"
    "  expires_ms BIGINT NOT NULL,"
    "  rotated_ms BIGINT NOT NULL,"
    "  revoked_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_ms)",

    "CREATE TABLE signing_keys ("
    "  kid TEXT NOT NULL PRIMARY KEY,"
    "  alg TEXT NOT NULL,"
    "  private_sealed BYTEA NOT NULL,"
    "  created_ms BIGINT NOT NULL,"
    "  not_before_ms BIGINT NOT NULL,"
    "  retired_ms BIGINT NOT NULL"
    ")",

    "CREATE TABLE settings ("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  value BYTEA NOT NULL"
    ")",

    "CREATE TABLE lockouts ("
    "  key BYTEA NOT NULL PRIMARY KEY,"
    "  failures BIGINT NOT NULL,"
    "  until_ms BIGINT NOT NULL,"
    "  expires_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX lockouts_expires ON lockouts (expires_ms)",
    NULL,
};

/* store/audit.h. */
static const char *const audit[] = {
    "CREATE TABLE audit_chains ("
    "  chain BIGINT NOT NULL PRIMARY KEY,"
    "  sequence BIGINT NOT NULL,"
    "  hash BYTEA NOT NULL"
    ")",

    "CREATE TABLE audit ("
    "  chain BIGINT NOT NULL,"
    "  sequence BIGINT NOT NULL,"
    "  time_ms BIGINT NOT NULL,"
    "  event TEXT NOT NULL,"
    "  actor TEXT,"
    "  user_id TEXT,"
    "  client_id TEXT,"
    "  server_id TEXT,"
    "  grant_id TEXT,"
    "  address TEXT,"
    "  request_id TEXT,"
    "  detail TEXT,"
    "  prev_hash BYTEA NOT NULL,"
    "  hash BYTEA NOT NULL,"
    "  PRIMARY KEY (chain, sequence)"
    ")",
    "CREATE INDEX audit_time ON audit (time_ms)",
    NULL,
};

/* As on SQLite: migrations_sqlite.c. */
static const char *const numbers[] = {
    /* First of all, so that nothing has been done yet when another process's transaction is in the way. */
    "LOCK TABLE access_tokens, grants, users IN ACCESS EXCLUSIVE MODE",

    "ALTER TABLE users ADD COLUMN user_no BIGINT GENERATED ALWAYS AS IDENTITY",
    "CREATE UNIQUE INDEX users_no ON users (user_no)",

    "ALTER TABLE grants ADD COLUMN grant_no BIGINT GENERATED ALWAYS AS IDENTITY, ADD COLUMN user_no BIGINT",
    "UPDATE grants SET user_no = (SELECT u.user_no FROM users u WHERE u.user_id = grants.user_id)",
    "CREATE UNIQUE INDEX grants_no ON grants (grant_no)",
    "ALTER TABLE grants ALTER COLUMN user_no SET NOT NULL, ADD FOREIGN KEY (user_no) REFERENCES users (user_no)",

    "DROP INDEX access_tokens_expires",
    "ALTER TABLE access_tokens ADD COLUMN grant_no BIGINT",
    "UPDATE access_tokens SET grant_no = (SELECT g.grant_no FROM grants g WHERE g.grant_id = access_tokens.grant_id "
    "AND g.user_id = access_tokens.user_id AND g.client_id = access_tokens.client_id "
    "AND g.server_id = access_tokens.server_id)",
    "DELETE FROM access_tokens WHERE grant_no IS NULL",
    "ALTER TABLE access_tokens ALTER COLUMN grant_no SET NOT NULL, ADD FOREIGN KEY (grant_no) REFERENCES grants "
    "(grant_no), DROP COLUMN grant_id, DROP COLUMN user_id, DROP COLUMN client_id, DROP COLUMN server_id",
    NULL,
};

/* As on SQLite. */
static const char *const pruning[] = {
    "ALTER TABLE audit_chains ADD COLUMN pruned_sequence BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE audit_chains ADD COLUMN pruned_hash BYTEA",
    "ALTER TABLE audit_chains ADD COLUMN pruned_by BIGINT NOT NULL DEFAULT 0",
    NULL,
};

/* As on SQLite; references are watched here, so that a person with grants neither goes nor gets another id or number
 * (unless somebody switches triggers off, and the references with them). The functions name the schema, since whoever
 * edits a row by hand may have another search path. They run as whoever writes, never as their owner: anybody may put
 * them on a table of their own, and would be the owner then. So who writes the one table needs rights on the other. */
static const char *const persons[] = {
    "LOCK TABLE users, grants IN ACCESS EXCLUSIVE MODE",

    "ALTER TABLE grants ADD COLUMN user_email TEXT, ADD COLUMN user_name TEXT, "
    "ADD COLUMN user_disabled_ms BIGINT NOT NULL DEFAULT 1",
    "UPDATE grants SET user_email = u.email, user_name = u.name, user_disabled_ms = u.disabled_ms "
    "FROM users u WHERE u.user_no = grants.user_no AND u.user_id = grants.user_id",

    /* Whoever changes the person meanwhile waits, and then finds the grant (in READ COMMITTED, as we and psql do). */
    "CREATE FUNCTION auth_agent_copy_person_to_grant() RETURNS trigger LANGUAGE plpgsql "
    "SET search_path = pg_catalog, pg_temp AS $$"
    "BEGIN"
    "  EXECUTE format('SELECT email, name, disabled_ms FROM %I.users WHERE user_no = $1 AND user_id = $2 FOR SHARE',"
    "    TG_TABLE_SCHEMA)"
    "    INTO NEW.user_email, NEW.user_name, NEW.user_disabled_ms USING NEW.user_no, NEW.user_id;"
    "  NEW.user_disabled_ms := coalesce(NEW.user_disabled_ms, 1);"
    "  RETURN NEW;"
    "END $$",
    "CREATE TRIGGER grants_person BEFORE INSERT OR UPDATE OF user_no, user_id ON grants "
    "FOR EACH ROW EXECUTE FUNCTION auth_agent_copy_person_to_grant()",

    "CREATE FUNCTION auth_agent_copy_person_to_grants() RETURNS trigger LANGUAGE plpgsql "
    "SET search_path = pg_catalog, pg_temp AS $$"
    "BEGIN"
    "  EXECUTE format('UPDATE %I.grants SET user_email = $1, user_name = $2, user_disabled_ms = $3 ' ||"
    "    'WHERE user_id = $4 AND user_no = $5', TG_TABLE_SCHEMA)"
    "    USING NEW.email, NEW.name, NEW.disabled_ms, NEW.user_id, NEW.user_no;"
    "  RETURN NULL;"
    "END $$",
    "CREATE TRIGGER users_changed AFTER UPDATE OF email, name, disabled_ms ON users "
    "FOR EACH ROW EXECUTE FUNCTION auth_agent_copy_person_to_grants()",
    NULL,
};

/* As on SQLite. */
static const char *const documents[] = {
    "ALTER TABLE clients ADD COLUMN fetched_ms BIGINT NOT NULL DEFAULT 0, "
    "ADD COLUMN fresh_until_ms BIGINT NOT NULL DEFAULT 0",
    NULL,
};

/* As on SQLite. */
static const char *const assertions[] = {
    "ALTER TABLE clients ADD COLUMN auth_methods TEXT, ADD COLUMN jwks TEXT, ADD COLUMN jwks_uri TEXT, "
    "ADD COLUMN jwks_fetched_ms BIGINT NOT NULL DEFAULT 0, ADD COLUMN jwks_asked_ms BIGINT NOT NULL DEFAULT 0",

    "CREATE TABLE client_assertions ("
    "  assertion_digest BYTEA NOT NULL PRIMARY KEY,"
    "  expires_ms BIGINT NOT NULL"
    ")",
    "CREATE INDEX client_assertions_expires ON client_assertions (expires_ms)",
    NULL,
};

static const struct aa_migration list[] = {
    {"first schema", first}, {"audit", audit},         {"numbers", numbers},       {"pruning", pruning},
    {"persons", persons},    {"documents", documents}, {"assertions", assertions},
};

const struct aa_migrations aa_postgres_migrations = {
    "SELECT count(*), CASE WHEN count(CASE WHEN c.relname IN ('schema_migrations', 'signing_keys') THEN 1 END) = 2 "
    "THEN 1 ELSE 0 END "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v') AND c.relname IN "
    "('schema_migrations', 'users', 'sessions', 'servers', 'server_keys', 'clients', 'auth_requests', 'grants', "
    "'consents', 'codes', 'access_tokens', 'refresh_tokens', 'signing_keys', 'settings', 'lockouts')",
    list,
    sizeof list / sizeof *list,
    NULL,
    NULL,
    NULL,
};
