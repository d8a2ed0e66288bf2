"""x"""
from tests.monitoring.conftest import Watched
async def test_a(watched: Watched):
    open('/tmp/mon-worker.txt','w').write(await watched.scrape('worker'))
    open('/tmp/mon-gateway.txt','w').write(await watched.scrape('gateway'))
    for s in watched.received.spans: print(s.service, s.name, s.trace_id, s.attributes)
    print(watched.trace_ids)
    for n in ('worker','gateway'):
        print(n, *watched.log_of(n), sep='\n')
