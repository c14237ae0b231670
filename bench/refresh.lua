-- wrk script: POST /token with refresh tokens, each used once: the answer's successor goes to the end of the line.
-- Environment: REFRESH_TOKENS (a file, one a line, more than there are connections), CLIENT_ID.
local line, first, last = {}, 1, 0
local function push(token)
    last = last + 1
    line[last] = token
end
local body
function init()
    body = "grant_type=refresh_token&client_id=" .. os.getenv("CLIENT_ID") .. "&refresh_token="
    for token in io.lines(os.getenv("REFRESH_TOKENS")) do push(token) end
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end
function request()
    local token = line[first]
    line[first] = nil
    first = first + 1
    return wrk.format("POST", "/token", nil, body .. token)
end
local bad = 0
function response(status, headers, answer)
    local token = status == 200 and answer:match('"refresh_token":"([^"]+)"')
    if token then push(token) else bad = bad + 1 end
    wrk.thread:set("bad", bad)
end
local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function done(summary, latency)
    local wrong = 0
    for _, thread in ipairs(threads) do wrong = wrong + (thread:get("bad") or 0) end
    io.write(string.format("RESULT %.1f %d %.2f %.2f\n", summary.requests / summary.duration * 1e6,
        wrong + summary.errors.read + summary.errors.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
