import asyncio, time, pytest, sys
sys.path.insert(0,'/work/main')
from .conftest import NOW, Shop
from ledger import backorders, supply
async def test_speed(shop):
    N=600
    async def pooled(n_workers, jobs):
        it=iter(jobs)
        async def w():
            for j in it: await j()
        await asyncio.gather(*(w() for _ in range(n_workers)))
    t=time.perf_counter()
    await pooled(10,[(lambda n=n: shop.accept(f"b{n}","BULB")) for n in range(N)])
    t1=time.perf_counter(); print("accept/s", N/(t1-t))
    await pooled(10,[(lambda n=n: shop.source(f"b{n}")) for n in range(N)])
    t2=time.perf_counter(); print("source hot/s", N/(t2-t1))
    await pooled(10,[(lambda n=n: shop.position(f"b{n}")) for n in range(N)])
    t3=time.perf_counter(); print("position/s", N/(t3-t2))
    await pooled(1,[(lambda n=n: shop.position(f"b{n}")) for n in range(200)])
    t4=time.perf_counter(); print("position seq ms", (t4-t3)/200*1000)
    await pooled(10,[(lambda n=n: shop.cancel(f"b{n}")) for n in range(N)])
    t5=time.perf_counter(); print("cancel/s", N/(t5-t4))
