"""Prints the milliseconds that Mininet takes to make N hosts on a switch, and to take them away."""
import sys
import time

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo

setLogLevel("critical")
begun = time.monotonic()
net = Mininet(topo=SingleSwitchTopo(k=int(sys.argv[1])), switch=LinuxBridge, controller=None)
net.start()
up = time.monotonic()
net.stop()
down = time.monotonic()
print((up - begun) * 1e3, (down - up) * 1e3)
