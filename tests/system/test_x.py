import time
from tests.system.world import *
async def test_a(world):
    t=time.time()
    await world.prescribed()
    print(time.time()-t)
    await world.listed(Sok(fnr=PERSONER[0].ident))
async def test_b(world):
    await world.prescribed()
    await world.listed(Sok(fnr=PERSONER[0].ident))
