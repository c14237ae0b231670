-- wrk script: POST /introspect with the tokens of the file TOKENS, one a line, in turn. Environment: TOKENS, AUTHORIZATION.
local tokens, at = {}, 0
-- Not earlier: only now is it known which Host is asked, and a request without one is refused.
function init()
    for line in io.lines(os.getenv("TOKENS")) do
        tokens[#tokens + 1] = wrk.format("POST", "/introspect", {
            ["Host"] = wrk.headers["Host"],
            ["Content-Type"] = "application/x-www-form-urlencoded",
            ["Authorization"] = os.getenv("AUTHORIZATION"),
        }, "token=" .. line)
    end
end
function request()
    at = at % #tokens + 1
    return tokens[at]
end
local bad = 0
function response(status, headers, body)
    if status ~= 200 or not body:find('"active":true', 1, true) then bad = bad + 1 end
    wrk.thread:set("bad", bad)
end
local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function done(summary)
    local wrong = 0
    for _, thread in ipairs(threads) do wrong = wrong + (thread:get("bad") or 0) end
    io.write(string.format("RESULT %.1f %d\n", summary.requests / summary.duration * 1e6, wrong + summary.errors.read + summary.errors.timeout))
end
