/* SQLite's schema. STRICT tables: a column holds what it says. Times are milliseconds since 1970 and 0 means "not".
 *
 * Tables keyed by a digest are WITHOUT ROWID: the row stands in the key's own tree, and because the key begins with the
 * time of issue, rows of one time share pages. */
#include "db/migrate.h"

static const char *const first[] = {
    "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY) STRICT",

    "CREATE TABLE users ("
    "  user_id TEXT NOT NULL PRIMARY KEY,"
    "  email TEXT NOT NULL,"
    "  name TEXT,"
    "  password_phc TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  disabled_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX users_email ON users (lower(email))",

    "CREATE TABLE sessions ("
    "  session_digest BLOB NOT NULL PRIMARY KEY,"
    "  user_id TEXT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,"
    "  created_ms INTEGER NOT NULL,"
    "  authenticated_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
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
    "  created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL"
    ") STRICT",
    "CREATE INDEX servers_user ON servers (user_id)",

    "CREATE TABLE server_keys ("
    "  key_id TEXT NOT NULL PRIMARY KEY,"
    "  server_id TEXT NOT NULL REFERENCES servers (server_id) ON DELETE CASCADE,"
    "  name TEXT,"
    "  secret_phc TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL,"
    "  last_used_ms INTEGER NOT NULL"
    ") STRICT",
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
    "  fingerprint BLOB UNIQUE,"
    "  created_ms INTEGER NOT NULL,"
    "  last_used_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL"
    ") STRICT",
    "CREATE INDEX clients_expires ON clients (expires_ms) WHERE expires_ms > 0",

    "CREATE TABLE auth_requests ("
    "  request_digest BLOB NOT NULL PRIMARY KEY,"
    "  browser_digest BLOB NOT NULL,"
    "  client_id TEXT NOT NULL,"
    "  redirect_uri TEXT NOT NULL,"
    "  state TEXT,"
    "  code_challenge TEXT NOT NULL,"
    "  scope TEXT,"
    "  server_id TEXT NOT NULL,"
    "  resource_sent TEXT,"
    "  user_id TEXT,"
    "  redirect_uri_sent INTEGER NOT NULL,"
    "  prompt_consent INTEGER NOT NULL,"
    "  prompt_login INTEGER NOT NULL,"
    "  prompt_none INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"
    "  consumed_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX auth_requests_expires ON auth_requests (expires_ms)",

    /* Grants outlive the server and the client they speak of: a revoked one is the tombstone that keeps its tokens
       dead. */
    "CREATE TABLE grants ("
    "  grant_id TEXT NOT NULL PRIMARY KEY,"
    "  user_id TEXT NOT NULL REFERENCES users (user_id),"
    "  client_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  scope TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  last_used_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX grants_user ON grants (user_id)",
    "CREATE INDEX grants_client ON grants (client_id)",
    "CREATE INDEX grants_server ON grants (server_id)",

    "CREATE TABLE consents ("
    "  user_id TEXT NOT NULL REFERENCES users (user_id),"
    "  client_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  redirect_uri TEXT NOT NULL,"
    "  scope TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (user_id, client_id, server_id, redirect_uri)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX consents_client ON consents (client_id)",
    "CREATE INDEX consents_server ON consents (server_id)",

    "CREATE TABLE codes ("
    "  code_key BLOB NOT NULL PRIMARY KEY,"
    "  grant_id TEXT NOT NULL REFERENCES grants (grant_id),"
    "  client_id TEXT NOT NULL,"
    "  redirect_uri TEXT NOT NULL,"
    "  code_challenge TEXT NOT NULL,"
    "  scope TEXT,"
    "  server_id TEXT NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  redirect_uri_sent INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"
    "  redeemed_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX codes_expires ON codes (expires_ms)",

    "CREATE TABLE access_tokens ("
    "  token_key BLOB NOT NULL PRIMARY KEY,"
    "  jti TEXT NOT NULL,"
    "  grant_id TEXT NOT NULL REFERENCES grants (grant_id),"
    "  client_id TEXT NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  scope TEXT,"
    "  audience TEXT NOT NULL,"
    "  issued_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX access_tokens_expires ON access_tokens (expires_ms)",

    "CREATE TABLE refresh_tokens ("
    "  token_key BLOB NOT NULL PRIMARY KEY,"
    "  grant_id TEXT NOT NULL REFERENCES grants (grant_id),"
    "  client_id TEXT NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  scope TEXT,"
    "  successor_sealed BLOB,"
    "  issued_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"
    "  rotated_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_ms)",

    "CREATE TABLE signing_keys ("
    "  kid TEXT NOT NULL PRIMARY KEY,"
    "  alg TEXT NOT NULL,"
    "  private_sealed BLOB NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  not_before_ms INTEGER NOT NULL,"
    "  retired_ms INTEGER NOT NULL"
    ") STRICT",

    "CREATE TABLE settings ("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  value BLOB NOT NULL"
    ") STRICT",

    "CREATE TABLE lockouts ("
    "  key BLOB NOT NULL PRIMARY KEY,"
    "  failures INTEGER NOT NULL,"
    "  until_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX lockouts_expires ON lockouts (expires_ms)",
    NULL,
};

/* store/audit.h. A chain is one tree, in its order. */
static const char *const audit[] = {
    "CREATE TABLE audit_chains ("
    "  chain INTEGER NOT NULL PRIMARY KEY,"
    "  sequence INTEGER NOT NULL,"
    "  hash BLOB NOT NULL"
    ") STRICT",

    "CREATE TABLE audit ("
    "  chain INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL,"
    "  time_ms INTEGER NOT NULL,"
    "  event TEXT NOT NULL,"
    "  actor TEXT,"
    "  user_id TEXT,"
    "  client_id TEXT,"
    "  server_id TEXT,"
    "  grant_id TEXT,"
    "  address TEXT,"
    "  request_id TEXT,"
    "  detail TEXT,"
    "  prev_hash BLOB NOT NULL,"
    "  hash BLOB NOT NULL,"
    "  PRIMARY KEY (chain, sequence)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX audit_time ON audit (time_ms)",
    NULL,
};

/* The grant and the person of a token are found by number: a search among numbers touches half the pages of one among
 * texts. A number is never given twice (AUTOINCREMENT), also when somebody deletes rows past the program, where nothing
 * watches what refers to them: else a token of the one who is gone would be the next one's. A token's row is narrower
 * for it, and what its grant says stands there alone. That tokens expire in the order of their keys needs no index:
 * store/sweep.c. */
static const char *const numbers[] = {
    "CREATE TABLE new_users ("
    "  user_no INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  user_id TEXT NOT NULL UNIQUE,"
    "  email TEXT NOT NULL,"
    "  name TEXT,"
    "  password_phc TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  disabled_ms INTEGER NOT NULL"
    ") STRICT",
    "INSERT INTO new_users (user_id, email, name, password_phc, created_ms, disabled_ms) "
    "SELECT user_id, email, name, password_phc, created_ms, disabled_ms FROM users ORDER BY created_ms, user_id",
    "DROP TABLE users",
    "ALTER TABLE new_users RENAME TO users",
    "CREATE UNIQUE INDEX users_email ON users (lower(email))",

    "CREATE TABLE new_grants ("
    "  grant_no INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  grant_id TEXT NOT NULL UNIQUE,"
    "  user_no INTEGER NOT NULL REFERENCES users (user_no),"
    "  user_id TEXT NOT NULL REFERENCES users (user_id),"
    "  client_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  scope TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  last_used_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL"
    ") STRICT",
    "INSERT INTO new_grants (grant_id, user_no, user_id, client_id, server_id, scope, created_ms, last_used_ms, "
    "revoked_ms) SELECT g.grant_id, u.user_no, g.user_id, g.client_id, g.server_id, g.scope, g.created_ms, "
    "g.last_used_ms, g.revoked_ms FROM grants g JOIN users u ON u.user_id = g.user_id "
    "ORDER BY g.created_ms, g.grant_id",
    "DROP TABLE grants",
    "ALTER TABLE new_grants RENAME TO grants",
    "CREATE INDEX grants_user ON grants (user_id)",
    "CREATE INDEX grants_client ON grants (client_id)",
    "CREATE INDEX grants_server ON grants (server_id)",

    /* A row that contradicts its grant would begin to mean something else: it is not taken along. */
    "CREATE TABLE new_access_tokens ("
    "  token_key BLOB NOT NULL PRIMARY KEY,"
    "  jti TEXT NOT NULL,"
    "  grant_no INTEGER NOT NULL REFERENCES grants (grant_no),"
    "  scope TEXT,"
    "  audience TEXT NOT NULL,"
    "  issued_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "INSERT INTO new_access_tokens (token_key, jti, grant_no, scope, audience, issued_ms, expires_ms, revoked_ms) "
    "SELECT t.token_key, t.jti, g.grant_no, t.scope, t.audience, t.issued_ms, t.expires_ms, t.revoked_ms "
    "FROM access_tokens t JOIN grants g ON g.grant_id = t.grant_id AND g.user_id = t.user_id "
    "AND g.client_id = t.client_id AND g.server_id = t.server_id ORDER BY t.token_key",
    "DROP TABLE access_tokens",
    "ALTER TABLE new_access_tokens RENAME TO access_tokens",
    NULL,
};

/* Where a chain begins once its oldest rows were pruned: store/audit.h. */
static const char *const pruning[] = {
    "ALTER TABLE audit_chains ADD COLUMN pruned_sequence INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE audit_chains ADD COLUMN pruned_hash BLOB",
    "ALTER TABLE audit_chains ADD COLUMN pruned_by INTEGER NOT NULL DEFAULT 0",
    NULL,
};

/* A grant also says what introspection tells of its person, who is then one search less among millions. The database
 * itself keeps the copy true, also where somebody writes past the program: a person's id and number are for good, and
 * no row takes the place of another (a REPLACE removes the older one without telling any trigger). A grant without its
 * person has a disabled one, and so has a new one until the copy is made.
 *
 * A statement that sets e-mail, name or disabled_ms, even to what they were, makes the copies anew; aa_user_hold() sets
 * another. Whoever makes the table `users` or `grants` anew makes the triggers anew. */
#define COPY_PERSON                                                                                                    \
    "  UPDATE grants SET user_email = u.email, user_name = u.name, user_disabled_ms = u.disabled_ms"                   \
    "  FROM users u WHERE u.user_no = NEW.user_no AND u.user_id = NEW.user_id AND grants.grant_no = NEW.grant_no;"
static const char *const persons[] = {
    "ALTER TABLE grants ADD COLUMN user_email TEXT",
    "ALTER TABLE grants ADD COLUMN user_name TEXT",
    "ALTER TABLE grants ADD COLUMN user_disabled_ms INTEGER NOT NULL DEFAULT 1",
    "UPDATE grants SET user_email = u.email, user_name = u.name, user_disabled_ms = u.disabled_ms "
    "FROM users u WHERE u.user_no = grants.user_no AND u.user_id = grants.user_id",

    "CREATE TRIGGER grants_person AFTER INSERT ON grants BEGIN" COPY_PERSON " END",
    "CREATE TRIGGER grants_moved AFTER UPDATE OF user_no, user_id ON grants BEGIN"
    "  UPDATE grants SET user_disabled_ms = 1 WHERE grant_no = NEW.grant_no;" COPY_PERSON " END",

    "CREATE TRIGGER users_changed AFTER UPDATE OF email, name, disabled_ms ON users BEGIN"
    "  UPDATE grants SET user_email = NEW.email, user_name = NEW.name, user_disabled_ms = NEW.disabled_ms"
    "  WHERE user_id = NEW.user_id AND user_no = NEW.user_no;"
    " END",
    "CREATE TRIGGER users_gone AFTER DELETE ON users BEGIN"
    "  UPDATE grants SET user_disabled_ms = 1 WHERE user_id = OLD.user_id;"
    " END",
    "CREATE TRIGGER users_renumbered BEFORE UPDATE OF user_no, user_id ON users"
    " WHEN OLD.user_no <> NEW.user_no OR OLD.user_id <> NEW.user_id BEGIN"
    "  SELECT raise(ABORT, 'a person keeps id and number');"
    " END",
    "CREATE TRIGGER users_put BEFORE INSERT ON users"
    " WHEN EXISTS (SELECT 1 FROM users WHERE user_id = NEW.user_id)"
    " OR EXISTS (SELECT 1 FROM users WHERE user_no = NEW.user_no)"
    " OR EXISTS (SELECT 1 FROM users WHERE lower(email) = lower(NEW.email)) BEGIN"
    "  SELECT raise(ABORT, 'there is such a person already');"
    " END",
    "CREATE TRIGGER users_readdressed BEFORE UPDATE OF email ON users"
    " WHEN EXISTS (SELECT 1 FROM users WHERE lower(email) = lower(NEW.email) AND user_no <> OLD.user_no) BEGIN"
    "  SELECT raise(ABORT, 'another person has this e-mail address');"
    " END",
    NULL,
};

/* Clients that are known by the URL of their metadata document: how old our copy of it is. */
static const char *const documents[] = {
    "ALTER TABLE clients ADD COLUMN fetched_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE clients ADD COLUMN fresh_until_ms INTEGER NOT NULL DEFAULT 0",
    NULL,
};

/* How such clients may show who they are, with which keys; and what they have shown already. */
static const char *const assertions[] = {
    "ALTER TABLE clients ADD COLUMN auth_methods TEXT",
    "ALTER TABLE clients ADD COLUMN jwks TEXT",
    "ALTER TABLE clients ADD COLUMN jwks_uri TEXT",
    "ALTER TABLE clients ADD COLUMN jwks_fetched_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE clients ADD COLUMN jwks_asked_ms INTEGER NOT NULL DEFAULT 0",

    "CREATE TABLE client_assertions ("
    "  assertion_digest BLOB NOT NULL PRIMARY KEY,"
    "  expires_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX client_assertions_expires ON client_assertions (expires_ms)",
    NULL,
};

static const struct aa_migration list[] = {
    {"first schema", first}, {"audit", audit},         {"numbers", numbers},       {"pruning", pruning},
    {"persons", persons},    {"documents", documents}, {"assertions", assertions},
};

const struct aa_migrations aa_sqlite_migrations = {
    "SELECT count(*), coalesce(sum(name = 'schema_migrations'), 0) FROM sqlite_master WHERE type = 'table'",
    list,
    sizeof list / sizeof *list,
    /* Else dropping a table that another takes the place of would first delete its rows, and what belongs to them. */
    "PRAGMA foreign_keys = OFF; PRAGMA temp_store = FILE", /* what is dropped is kept until then */
    "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY",
    "SELECT count(*), min(\"table\") FROM pragma_foreign_key_check",
};
