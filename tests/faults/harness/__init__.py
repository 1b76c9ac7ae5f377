"""A cluster of real processes under faults: a trace of streams, strikes, and what the clients saw.

  trace     the requests, drawn from a seed
  load      clients that replay them over HTTP
  client    one of them: notes when each byte came, and comes back at another gateway for the rest
  decode    what came, as tokens, text, scores and arrival times
  compare   a stream against the same one without a strike: lost, altered or repeated
  timing    gaps between tokens, throughput
  tamper    recorded streams, spoilt on purpose: does the comparison notice?
  cluster   the processes: start, look at, signal, drain, join, stop
  head      the one among them that the others join
  gateways  those among them that clients ask
  watch     the cluster's state over time
  strikes   what can happen to it, a class each
  scenario  one strike in the middle of the load
  soak      random strikes for as long as asked
  report    the table and the JSON file
"""
