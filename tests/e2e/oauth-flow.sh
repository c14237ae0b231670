#!/usr/bin/env bash
# The whole path with curl and openssl, as a careful stranger would walk it: the server's binary on a database of its own, an MCP server registered
# by the administrator, a client that registers itself, a person who logs in and approves, and every token's life to its end. Each answer is
# asserted; the last line tells how many assertions held.
#
#   AUTH_AGENT_SERVER_BINARY=… [SEEN_BY_ALL_S=1] tests/e2e/oauth-flow.sh
#
# SEEN_BY_ALL_S: how long a second process may go on believing in a key that the first has deleted; one process may not at all.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
binary=${AUTH_AGENT_SERVER_BINARY:-$root/build/asan/server/auth-agent-server}
work=$(mktemp -d)
server_pid=""
email=ada@example.com
password='correct horse & battery+staple %41'
redirect_registered=http://127.0.0.1/callback
redirect=http://127.0.0.1:53412/callback # any port will do on the loopback interface (RFC 8252 §7.3)
resource=https://your-mcp-server.com

clean_up() {
    if [ -n "$server_pid" ]; then kill -KILL "$server_pid" 2>/dev/null || true; fi
    rm -rf -- "$work"
}
trap clean_up EXIT

# ---- asserting ----------------------------------------------------------------------------------------------------

passed=0
failed=0

pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$1"
}
is() { # is WHAT ACTUAL EXPECTED
    if [ "$2" = "$3" ]; then pass; else fail "$1: got '$2', expected '$3'"; fi
}
isnt() { # isnt WHAT ACTUAL UNWANTED
    if [ "$2" != "$3" ]; then pass; else fail "$1: got '$2'"; fi
}
like() { # like WHAT ACTUAL REGEX
    if [[ $2 =~ $3 ]]; then pass; else fail "$1: got '$2', expected $3"; fi
}
unlike() { # unlike WHAT ACTUAL REGEX
    if [[ $2 =~ $3 ]]; then fail "$1: got '$2'"; else pass; fi
}

# ---- asking -------------------------------------------------------------------------------------------------------

status=""
body=""
worst=0

# http WHAT STATUS CURL-ARGUMENTS…: one request; $status, $body and header() tell what came back
http() {
    local what=$1 expected=$2
    shift 2
    status=$(curl -sS --noproxy '*' --max-time 20 -o "$work/body" -D "$work/headers" -w '%{http_code}' "$@")
    body=$(cat "$work/body")
    if [ "$status" -gt "$worst" ]; then worst=$status; fi
    is "$what" "$status" "$expected"
}
header() { sed -n "s/^$1: *//Ip" "$work/headers" | tr -d '\r' | head -n 1; }

# member NAME: a member of the JSON in $body, as text
member() {
    printf '%s' "$body" | tr -d '\n' | sed -n 's/.*"'"$1"'" *: *\("\([^"]*\)"\|\(\[[^]]*\]\)\|\([a-z0-9.-]*\)\).*/\2\3\4/p'
}

percent_decode() {
    local text=${1//+/ }
    printf '%b' "${text//%/\\x}"
}
# parameter NAME URL: a parameter of its query
parameter() {
    local found
    found=$(printf '%s\n' "${2#*\?}" | tr '&' '\n' | sed -n "s/^$1=//p")
    percent_decode "$found"
}
percent_encode() {
    local text=$1 out="" c i
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $c in
        [a-zA-Z0-9.~_-]) out+=$c ;;
        *) out+=$(printf '%%%02X' "'$c") ;;
        esac
    done
    printf '%s' "$out"
}

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
base64url_decode() {
    local text
    text=$(tr '_-' '/+')
    while [ $((${#text} % 4)) -ne 0 ]; do text+==; done
    printf '%s' "$text" | openssl base64 -d -A
}
hex() { od -An -v -tx1 | tr -d ' \n'; }
unhex() { printf '%b' "$(sed 's/../\\x&/g')"; }

# ---- the browser --------------------------------------------------------------------------------------------------

jar=$work/cookies
page=""

unescape() { sed 's/&quot;/"/g; s/&#39;/'"'"'/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'; }
# form MARKER: the page's form that has a control of that name, on one line
form() { printf '%s' "$page" | tr '\n' ' ' | sed 's/<form/\n&/g' | sed 's/<\/form>.*//' | grep -F "name=\"$1\"" | head -n 1; }
attribute() { sed -n 's/.* '"$1"'="\([^"]*\)".*/\1/p' | unescape; }

# visit WHAT STATUS CURL-ARGUMENTS…: one step of the browser
visit() {
    http "$@" -b "$jar" -c "$jar"
    page=$body
}
# submit WHAT STATUS MARKER NAME=VALUE…: sends that form, its hidden fields and what is given
submit() {
    local what=$1 expected=$2 marker=$3 markup input arguments=()
    shift 3
    markup=$(form "$marker")
    while IFS= read -r input; do
        arguments+=(--data-urlencode "$(attribute name <<<"$input")=$(attribute value <<<"$input")")
    done < <(grep -o '<input type="hidden"[^>]*>' <<<"$markup")
    for input in "$@"; do arguments+=(--data-urlencode "$input"); done
    visit "$what" "$expected" -X POST -H "Origin: $issuer" "${arguments[@]}" "$(absolute "$(attribute action <<<"${markup%%>*}>")")"
}
absolute() { case $1 in http*) printf '%s' "$1" ;; *) printf '%s%s' "$issuer" "$1" ;; esac; }

new_pkce() {
    verifier=$(openssl rand 48 | base64url)
    challenge=$(printf '%s' "$verifier" | openssl dgst -sha256 -binary | base64url)
}
# authorize_url SCOPE STATE
authorize_url() {
    printf '%s?response_type=code&client_id=%s&redirect_uri=%s&scope=%s&state=%s&code_challenge=%s&code_challenge_method=S256&resource=%s' \
        "$authorization_endpoint" "$client_id" "$(percent_encode "$redirect")" "$(percent_encode "$1")" "$2" "$challenge" \
        "$(percent_encode "$resource")"
}
# open_consent SCOPE STATE: to the page of consent, by a person who is logged in already
open_consent() {
    new_pkce
    visit "authorize" 303 "$(authorize_url "$1" "$2")"
    visit "the page of consent" 200 "$(absolute "$(header Location)")"
}
# authorize SCOPE STATE: the whole of it; $code and $verifier are what a client has then
authorize() {
    open_consent "$1" "$2"
    submit "approving" 303 decision decision=allow
    code=$(parameter code "$(header Location)")
}

# token WHAT STATUS NAME=VALUE…: a request to the token endpoint
token() {
    local what=$1 expected=$2 field arguments=()
    shift 2
    for field in "$@"; do arguments+=(--data-urlencode "$field"); done
    http "$what" "$expected" -X POST "${arguments[@]}" "$token_endpoint"
}
exchange() { token "$1" "$2" grant_type=authorization_code "client_id=$client_id" "code=$code" "redirect_uri=$redirect" "code_verifier=$verifier"; }
keep_tokens() {
    access_token=$(member access_token)
    refresh_token=$(member refresh_token)
}

# introspect WHAT STATUS TOKEN [CURL-ARGUMENTS…]: as the registered server
introspect() {
    local what=$1 expected=$2 value=$3
    shift 3
    http "$what" "$expected" -X POST -u "$server_id:$key_secret" --data-urlencode "token=$value" "$@" "$introspection_endpoint"
}
is_active() { # is_active WHAT TOKEN true|false
    introspect "$1: the introspection" 200 "$2"
    is "$1" "$(member active)" "$3"
}

# ---- the server ---------------------------------------------------------------------------------------------------

export AUTH_AGENT_DATABASE="$work/auth-agent.db"
unset AUTH_AGENT_CONFIG AUTH_AGENT_ISSUER AUTH_AGENT_PORT AUTH_AGENT_ADMIN_TOKEN

start_server() {
    local try port
    for try in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 20000))
        issuer=http://localhost:$port
        (cd "$work" && exec "$binary" serve --port="$port" --issuer="$issuer" >"$work/serve.out" 2>"$work/serve.log") &
        server_pid=$!
        until grep -q 'is ready at' "$work/serve.out" 2>/dev/null; do
            kill -0 "$server_pid" 2>/dev/null || break
            sleep 0.05
        done
        if kill -0 "$server_pid" 2>/dev/null; then return 0; fi
    done
    echo "the server did not start, $try times:" >&2
    cat "$work/serve.log" >&2
    exit 1
}

admin_token=$("$binary" init | sed -n 's/^admin_token *//p')
like "init prints the administrator's token" "$admin_token" '^adm_'
printf '%s\n' "$password" | "$binary" user add "$email" --name "Ada Lovelace" >"$work/user"
user_id=$(sed -n 's/^user_id *//p' "$work/user")
like "a person is added" "$user_id" '^usr_'
start_server
ISSUER=$issuer
admin=(-H "Authorization: Bearer $admin_token")

# ---- registering an MCP server, minting its key -------------------------------------------------------------------

registration='{"server_url":"https://your-mcp-server.com","server_name":"My File Server","scopes":["files:read","files:write"]}'
json=(-H "Content-Type: application/json")

http "registering without the administrator's token" 401 -X POST "$ISSUER/api/servers" "${json[@]}" -d "$registration"
http "registering with a wrong token" 401 -X POST "$ISSUER/api/servers" "${json[@]}" -H "Authorization: Bearer ${admin_token}x" -d "$registration"
http "registering" 201 -X POST "$ISSUER/api/servers" "${admin[@]}" "${json[@]}" -d "$registration"
server_id=$(member server_id)
like "server_id" "$server_id" '^srv_[A-Za-z0-9]{16}$'
is "server_url" "$(member server_url)" "$resource"
is "server_name" "$(member server_name)" "My File Server"
is "scopes" "$(member scopes | tr -d ' ')" '["files:read","files:write"]'
like "created_at" "$(member created_at)" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$'

http "minting a key without the token" 401 -X POST "$ISSUER/api/servers/$server_id/keys" -d '{"name":"Production Key"}'
http "minting a key" 201 -X POST "$ISSUER/api/servers/$server_id/keys" "${admin[@]}" -d '{"name":"Production Key"}'
key_id=$(member key_id)
key_secret=$(member key_secret)
like "key_id" "$key_id" '^sk_'
like "key_secret" "$key_secret" "^${key_id}[A-Za-z0-9]{38}\$"
is "name" "$(member name)" "Production Key"

http "showing the server without the token" 401 "$ISSUER/api/servers/$server_id"
http "showing the server" 200 "${admin[@]}" "$ISSUER/api/servers/$server_id"
is "it is that server" "$(member server_id)" "$server_id"
unlike "no secret is shown again" "$body" "$key_secret"
http "the server may see itself with its own key" 200 -H "Authorization: Bearer $key_secret" "$ISSUER/api/servers/$server_id"

http "a second server" 201 -X POST "$ISSUER/api/servers" "${admin[@]}" "${json[@]}" -d '{"server_url":"https://other.example.com/mcp","server_name":"Other","scopes":["x"]}'
other_id=$(member server_id)
http "and its key" 201 -X POST "$ISSUER/api/servers/$other_id/keys" "${admin[@]}" -d '{"name":"Other"}'
other_secret=$(member key_secret)
http "which cannot see the first" 401 -H "Authorization: Bearer $other_secret" "$ISSUER/api/servers/$server_id"

# ---- discovery ----------------------------------------------------------------------------------------------------

http "the hosted RFC 9728 document" 200 "$ISSUER/.well-known/oauth-protected-resource/$server_id"
is "its resource" "$(member resource)" "$resource"
is "its authorization server" "$(member authorization_servers | tr -d ' ')" "[\"$issuer\"]"
is "browsers may read it" "$(header Access-Control-Allow-Origin)" '*'

http "the RFC 8414 document" 200 "$issuer/.well-known/oauth-authorization-server"
is "its issuer, byte for byte" "$(member issuer)" "$issuer"
like "S256 alone" "$(member code_challenge_methods_supported)" '^\[ *"S256" *\]$'
like "public clients are welcome" "$(member token_endpoint_auth_methods_supported)" '"none"'
is "iss is announced" "$(member authorization_response_iss_parameter_supported)" true
authorization_endpoint=$(member authorization_endpoint)
token_endpoint=$(member token_endpoint)
introspection_endpoint=$(member introspection_endpoint)
revocation_endpoint=$(member revocation_endpoint)
registration_endpoint=$(member registration_endpoint)
userinfo_endpoint=$(member userinfo_endpoint)
jwks_uri=$(member jwks_uri)
unlike "nothing in it is null or empty" "$body" 'null|\[\]|""'
document=$body
http "openid-configuration" 200 "$issuer/.well-known/openid-configuration"
is "names the same token endpoint" "$(member token_endpoint)" "$token_endpoint"
isnt "the document is there" "$document" ""

# ---- a client registers itself ------------------------------------------------------------------------------------

http "registration" 201 -X POST "$registration_endpoint" "${json[@]}" \
    -d '{"client_name":"Flow","redirect_uris":["'$redirect_registered'"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"none"}'
client_id=$(member client_id)
like "client_id" "$client_id" '^cl_'
is "the redirect URI is echoed" "$(member redirect_uris | tr -d ' ')" "[\"$redirect_registered\"]"
is "the method is stated" "$(member token_endpoint_auth_method)" none
unlike "no secret for a public client" "$body" client_secret
http "a redirect URI that runs a script is refused" 400 -X POST "$registration_endpoint" "${json[@]}" -d '{"redirect_uris":["javascript:alert(1)"]}'
is "with its error" "$(member error)" invalid_redirect_uri
http "another client" 201 -X POST "$registration_endpoint" "${json[@]}" -d '{"client_name":"Else","redirect_uris":["http://127.0.0.1/else"]}'
other_client=$(member client_id)

# ---- a person logs in and approves --------------------------------------------------------------------------------

new_pkce
good_url=$(authorize_url files:read first)
visit "an unproven redirect URI stays on our page" 400 "${good_url/53412%2Fcallback/53412%2Fevil}"
is "and leads nowhere" "$(header Location)" ""
visit "a request without PKCE goes back with an error" 303 "${good_url/&code_challenge=$challenge&code_challenge_method=S256/}"
is "which is invalid_request" "$(parameter error "$(header Location)")" invalid_request
is "from us" "$(parameter iss "$(header Location)")" "$issuer"
visit "a resource that nobody registered goes back too" 303 "${good_url/your-mcp-server/unknown}"
is "as invalid_target" "$(parameter error "$(header Location)")" invalid_target

visit "authorize" 303 "$good_url"
visit "the login page" 200 "$(absolute "$(header Location)")"
like "says who asks" "$page" 'Flow'
like "runs no script" "$(header Content-Security-Policy)" "default-src 'none'"
unlike "has no form-action, which would break the way back" "$(header Content-Security-Policy)" 'form-action'
login_page=$page
submit "a wrong password is refused" 403 password "email=$email" "password=wrong"
like "on the same page, with the reason" "$page" 'role="alert"'
page=${login_page//name=\"csrf\" value=\"/name=\"csrf\" value=\"x}
submit "a form that is not ours is refused" 403 password "email=$email" "password=$password"
page=$login_page
submit "the right password" 303 password "email=$email" "password=$password"
visit "the page of consent" 200 "$(absolute "$(header Location)")"
like "names the client" "$page" 'Flow'
like "and where the access goes" "$page" '127\.0\.0\.1'
like "and the resource" "$page" 'https://your-mcp-server\.com'
like "and the scope" "$page" 'files:read'
unlike "and none that was not asked for" "$page" 'files:write'
consent_page=$page
submit "approving" 303 decision decision=allow
location=$(header Location)
like "leads back to the client, on its port" "$location" "^$redirect\\?"
is "with its state" "$(parameter state "$location")" first
is "and our issuer" "$(parameter iss "$location")" "$issuer"
code=$(parameter code "$location")
like "and a code" "$code" '^[A-Za-z0-9_.~-]{40,}$'
page=$consent_page
submit "a second press" 303 decision decision=allow
is "gives the same code" "$(header Location)" "$location"
page=$consent_page
submit "no after yes is too late" 400 decision decision=deny
is "and leads nowhere" "$(header Location)" ""

# ---- tokens -------------------------------------------------------------------------------------------------------

exchange "the exchange" 200
keep_tokens
like "token_type" "$(member token_type)" '^[Bb]earer$'
is "expires_in" "$(member expires_in)" 3600
is "scope" "$(member scope)" files:read
like "is not to be kept" "$(header Cache-Control)" no-store
first_access=$access_token
first_refresh=$refresh_token

# The signature, by openssl: the key from the JWKS as a SubjectPublicKeyInfo, the signature as DER.
http "the JWKS" 200 "$jwks_uri"
IFS=. read -r jwt_header jwt_payload jwt_signature <<<"$access_token"
like "an RFC 9068 token" "$(printf '%s' "$jwt_header" | base64url_decode)" '"at\+jwt"'
claims=$(printf '%s' "$jwt_payload" | base64url_decode)
like "for this resource" "$claims" "\"aud\":\"$resource\""
x=$(member x | base64url_decode | hex)
y=$(member y | base64url_decode | hex)
printf '3059301306072a8648ce3d020106082a8648ce3d03010703420004%s%s' "$x" "$y" | unhex | openssl pkey -pubin -inform DER -out "$work/key.pem"
raw=$(printf '%s' "$jwt_signature" | base64url_decode | hex)
integer() { # an ASN.1 INTEGER of 32 bytes: no leading zeros, and one in front of a high bit
    local number=$1
    while [ ${#number} -gt 2 ] && [ "${number:0:2}" = 00 ]; do number=${number:2}; done
    case $number in [89a-f]*) number=00$number ;; esac
    printf '02%02x%s' $((${#number} / 2)) "$number"
}
pair=$(integer "${raw:0:64}")$(integer "${raw:64:64}")
printf '30%02x%s' $((${#pair} / 2)) "$pair" | unhex >"$work/signature"
verdict() { printf '%s' "$1" | openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/signature" 2>/dev/null || true; }
is "signed with the published key" "$(verdict "$jwt_header.$jwt_payload")" "Verified OK"
isnt "and not if a byte changes" "$(verdict "$jwt_header.${jwt_payload}A")" "Verified OK"

introspect "introspection, Basic and form" 200 "$access_token"
is "active" "$(member active)" true
is "scope" "$(member scope)" files:read
is "aud" "$(member aud)" "$resource"
is "iss" "$(member iss)" "$issuer"
is "client_id" "$(member client_id)" "$client_id"
is "sub" "$(member sub)" "$user_id"
is "email" "$(member email)" "$email"
like "exp is a number" "$(member exp)" '^[0-9]{10}$'
like "is not to be kept" "$(header Cache-Control)" no-store
bearer=(-H "Authorization: Bearer $key_secret")
http "introspection, Bearer and form" 200 -X POST "${bearer[@]}" --data-urlencode "token=$access_token" "$introspection_endpoint"
is "active" "$(member active)" true
http "introspection, Bearer and JSON" 200 -X POST "${bearer[@]}" "${json[@]}" -d "{\"token\":\"$access_token\"}" "$introspection_endpoint"
is "active" "$(member active)" true
http "introspection, Basic and JSON" 200 -X POST -u "$server_id:$key_secret" "${json[@]}" -d "{\"token\":\"$access_token\"}" "$introspection_endpoint"
is "active" "$(member active)" true
http "introspection without a key" 401 -X POST --data-urlencode "token=$access_token" "$introspection_endpoint"
http "introspection with a wrong key" 401 -X POST -u "$server_id:${key_secret%?}!" --data-urlencode "token=$access_token" "$introspection_endpoint"
http "introspection with another server's id" 401 -X POST -u "$other_id:$key_secret" --data-urlencode "token=$access_token" "$introspection_endpoint"
http "another server learns nothing" 200 -X POST -u "$other_id:$other_secret" --data-urlencode "token=$access_token" "$introspection_endpoint"
is "of a token that is not for it" "$(printf '%s' "$body" | tr -d ' \n')" '{"active":false}'
is_active "garbage is not active" "not.a.token" false
introspect "a token is asked about once" 400 "$access_token" --data-urlencode "token=$access_token"

http "userinfo" 200 -H "Authorization: Bearer $access_token" "$userinfo_endpoint"
is "sub" "$(member sub)" "$user_id"
is "email" "$(member email)" "$email"
http "userinfo without a token" 401 "$userinfo_endpoint"
like "challenges" "$(header WWW-Authenticate)" '^Bearer'

# ---- refreshing ---------------------------------------------------------------------------------------------------

for i in 1 2 3 4 5 6 7 8; do
    curl -sS --noproxy '*' --max-time 20 -o "$work/refresh.$i" -w '%{http_code}\n' -X POST --data-urlencode grant_type=refresh_token \
        --data-urlencode "client_id=$client_id" --data-urlencode "refresh_token=$refresh_token" "$token_endpoint" >"$work/refresh.$i.status" &
    refreshing[i]=$!
done
for i in "${!refreshing[@]}"; do wait "${refreshing[i]}"; done
is "eight refreshes at once all succeed" "$(sort -u "$work"/refresh.*.status)" 200
successors=""
for i in 1 2 3 4 5 6 7 8; do
    body=$(cat "$work/refresh.$i")
    successors+=$(member refresh_token)$'\n'
done
is "with one and the same successor" "$(printf '%s' "$successors" | sort -u | wc -l)" 1
keep_tokens
isnt "which is a new one" "$refresh_token" "$first_refresh"
is "and the scope stays" "$(member scope)" files:read
is_active "the new access token is live" "$access_token" true
token "the successor refreshes too" 200 grant_type=refresh_token "client_id=$client_id" "refresh_token=$refresh_token"
keep_tokens
http "as JSON" 200 -X POST "${json[@]}" -d "{\"grant_type\":\"refresh_token\",\"client_id\":\"$client_id\",\"refresh_token\":\"$refresh_token\"}" "$token_endpoint"
keep_tokens
token "another client cannot use it" 400 grant_type=refresh_token "client_id=$other_client" "refresh_token=$refresh_token"
is "invalid_grant" "$(member error)" invalid_grant
token "more scope is not to be had by a refresh" 400 grant_type=refresh_token "client_id=$client_id" "refresh_token=$refresh_token" "scope=files:read files:write"
is "invalid_scope" "$(member error)" invalid_scope
token "a client that nobody knows" 401 grant_type=refresh_token client_id=cl_0000000000000000 "refresh_token=$refresh_token"
is "is told to register again" "$(member error)" invalid_client
token "it still works for its own client" 200 grant_type=refresh_token "client_id=$client_id" "refresh_token=$refresh_token"
keep_tokens

# ---- step-up ------------------------------------------------------------------------------------------------------

first_family=$refresh_token
open_consent "files:read files:write" more
like "more is asked for in words" "$page" 'files:write'
submit "denying" 303 decision decision=deny
is "is told to the client" "$(parameter error "$(header Location)")" access_denied
is "by us" "$(parameter iss "$(header Location)")" "$issuer"
authorize "files:read files:write" again
exchange "step-up" 200
keep_tokens
is "now it may write" "$(member scope)" "files:read files:write"
introspect "its introspection" 200 "$access_token"
is "says so" "$(member scope)" "files:read files:write"

# ---- codes that go wrong ------------------------------------------------------------------------------------------

authorize files:read replay
exchange "a code" 200
replay_access=$(member access_token)
is_active "its token is live" "$replay_access" true
exchange "the same code again" 400
is "invalid_grant" "$(member error)" invalid_grant
is_active "and what it had issued is revoked" "$replay_access" false

authorize files:read wrong
good_verifier=$verifier
verifier=$(openssl rand 48 | base64url)
exchange "a wrong verifier" 400
is "invalid_grant" "$(member error)" invalid_grant
verifier=$good_verifier
exchange "has spent the code" 400

authorize files:read elsewhere
token "another redirect URI than at /authorize" 400 grant_type=authorization_code "client_id=$client_id" "code=$code" \
    "redirect_uri=$redirect_registered" "code_verifier=$verifier"
is "invalid_grant" "$(member error)" invalid_grant

authorize files:read race
for i in 1 2 3 4 5 6 7 8; do
    curl -sS --noproxy '*' --max-time 20 -o "$work/race.$i" -w '%{http_code}\n' -X POST --data-urlencode grant_type=authorization_code \
        --data-urlencode "client_id=$client_id" --data-urlencode "code=$code" --data-urlencode "redirect_uri=$redirect" \
        --data-urlencode "code_verifier=$verifier" "$token_endpoint" >"$work/race.$i.status" &
    racing[i]=$!
done
for i in "${!racing[@]}"; do wait "${racing[i]}"; done
is "eight exchanges of one code at once: one succeeds" "$(cat "$work"/race.*.status | grep -c '^200$')" 1
is "and seven do not" "$(cat "$work"/race.*.status | grep -c '^400$')" 7

# ---- revocation ---------------------------------------------------------------------------------------------------

is_active "the token is live" "$access_token" true
http "another client cannot revoke it" 400 -X POST --data-urlencode "token=$access_token" --data-urlencode "client_id=$other_client" "$revocation_endpoint"
is "invalid_grant" "$(member error)" invalid_grant
is_active "and has changed nothing" "$access_token" true
http "revoking the refresh token" 200 -X POST --data-urlencode "token=$refresh_token" --data-urlencode "client_id=$client_id" "$revocation_endpoint"
is_active "ends the access token with it" "$access_token" false
http "for userinfo too" 401 -H "Authorization: Bearer $access_token" "$userinfo_endpoint"
token "and every refresh" 400 grant_type=refresh_token "client_id=$client_id" "refresh_token=$refresh_token"
is "invalid_grant" "$(member error)" invalid_grant
http "what is revoked may be revoked again" 200 -X POST --data-urlencode "token=$refresh_token" --data-urlencode "client_id=$client_id" "$revocation_endpoint"
authorize files:read short
exchange "a new authorization" 200
keep_tokens
is_active "is live" "$access_token" true
http "revoking the access token" 200 -X POST --data-urlencode "token=$access_token" --data-urlencode "client_id=$client_id" "$revocation_endpoint"
is_active "kills it" "$access_token" false
token "and the refresh token, which would bring it back" 400 grant_type=refresh_token "client_id=$client_id" "refresh_token=$refresh_token"
token "another authorization of the same client goes on" 200 grant_type=refresh_token "client_id=$client_id" "refresh_token=$first_family"
keep_tokens
is_active "and is live" "$access_token" true

# ---- the key's end ------------------------------------------------------------------------------------------------

http "deleting the key without the token" 401 -X DELETE "$ISSUER/api/servers/$server_id/keys/$key_id"
is_active "it still introspects" "$access_token" true
http "deleting the key" 204 -X DELETE "$ISSUER/api/servers/$server_id/keys/$key_id" "${admin[@]}"
sleep "${SEEN_BY_ALL_S:-0}"
introspect "it introspects nothing more" 401 "$access_token"
http "nor as a Bearer" 401 -X POST "${bearer[@]}" --data-urlencode "token=$access_token" "$introspection_endpoint"

# ---- the server's end ---------------------------------------------------------------------------------------------

kill -TERM "$server_pid"
ended=0
wait "$server_pid" || ended=$?
server_pid=""
is "it stops when told" "$ended" 0
if [ "$worst" -lt 500 ]; then pass; else fail "an answer was $worst"; fi
for secret in "$admin_token" "$key_secret" "$password" "$first_access" "$first_refresh" "$refresh_token" "$code" "$verifier"; do
    if grep -qF -- "$secret" "$work/serve.log"; then fail "a secret is in the log"; else pass; fi
done
if [ "$failed" -gt 0 ]; then tail -n 20 "$work/serve.log"; fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
