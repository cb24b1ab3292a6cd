-- post.lua FILE PAUSE: posts the bodies in a file, one a request, in turn; between two of them each connection waits
-- some milliseconds. Tells how many there were, how long they took, and how many were not answered well.
local bodies, at, pause = {}, 0, 0
function init(arguments)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  pause = tonumber(arguments[2])
  for line in io.lines(arguments[1]) do bodies[#bodies + 1] = wrk.format(nil, nil, nil, line) end
end
function request()
  at = at % #bodies + 1
  return bodies[at]
end
function delay()
  return math.floor(pause + math.random()) -- whole milliseconds only, right on average
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "wrong": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
